# ---
# title: "Ten spam mails in a thousand: which score, which sample, which probability?"
# minutes: 35
# data: [tidewater]
# needs: [cost-of-being-wrong, leakproof-pipeline]
# sources:
#   - "van den Goorbergh, van Smeden, Timmerman, Van Calster (2022), The harm of class imbalance corrections, JAMIA 29(9), 1525-1534"
# ---

# %% [markdown]
# # Draft

# %%
import grader

grader.begin("imbalance")
