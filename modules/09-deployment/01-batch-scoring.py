# ---
# title: "May the job die?"
# minutes: 30
# data: [tidewater]
# needs: [leakproof-pipeline, point-in-time]
# runs_on: []
# sources:
#   - "Python 3 documentation, os.replace"
# ---

# %% [markdown]
# # May the job die?

# %%
import grader

grader.begin("batch-scoring")
