# ---
# title: "What is a gap?"
# minutes: 5
# ---

# %% [markdown]
# # What is a gap?
#
# A till that sends nothing leaves `None`, and `sum` cannot add it.

# %%
amounts = [120, None, 80]

# %% [markdown]
# Leave the gaps out, and say how many there were.

# %%
known = [amount for amount in amounts if amount is not None]
f"{sum(known)} cents, {len(amounts) - len(known)} gap"
