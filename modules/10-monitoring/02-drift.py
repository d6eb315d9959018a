# ---
# title: "x"
# minutes: 35
# data: [tidewater]
# needs: [train-versus-production]
# sources:
#   - "x"
# ---

# %% [markdown]
# # x

# %%
import grader

grader.begin("drift")
