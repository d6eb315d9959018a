# ---
# title: "Is the best of sixty settings as good as it looks?"
# minutes: 35
# data: [tidewater]
# needs: [splits, point-in-time]
# sources:
#   - "x"
# ---

# %% [markdown]
# # x

# %%
import grader

grader.begin("tuning")
