# ---
# title: "What did the till take today?"
# minutes: 5
# data: []
# needs: []
# runs_on: []
# limit_seconds: 5
# sources:
#   - "Python Library Reference, Built-in Functions, sum"
# hints:
#   - "Look at what a list of amounts may hold beside numbers."
#   - "Leave out what is not known, and change nothing in the list."
#   - "sum(amount for amount in amounts if ...)"
# ---

# %% [markdown]
# # What did the till take today?
#
# A unit that delivers a function.

# %%
import grader

grader.begin("add-up")

# %% [markdown]
# In: a list of amounts in cents, ints, where a refund is negative and `None` stands for a till that sent
# nothing. Out: the sum of those that are known, an int in cents, 0 if there are none. The list stays as it is.


# %% answer="add_up"
def add_up(amounts):
    """Sum of the amounts that are known.

    amounts: list of ints, cents; None where nothing is known.
    Returns an int, cents.
    """
    ### BEGIN SOLUTION
    return sum(amount for amount in amounts if amount is not None)
    ### END SOLUTION


# %% test="known_amounts" of="add_up" points=2
from grader import expect

expect.equal(
    add_up([250, None, 100]),
    350,
    what="add_up([250, None, 100])",
    why="250 and 100 are known",
    look_at="what you do with None",
)
### BEGIN HIDDEN TESTS
amounts = [int(amount) for amount in expect.rng().integers(1, 10_000, size=9)]
refund = -amounts[0] // 2 - 1
expect.equal(
    add_up([*amounts, None, refund]),
    sum(amounts) + refund,
    what="add_up of a list with a refund",
    why="a refund counts as well as a sale",
    look_at="which amounts you leave out",
)
### END HIDDEN TESTS

# %% test="list_stays" of="add_up" points=1
from grader import expect

amounts = [None, 5, None, None, 7]
with expect.unchanged(
    amounts, what="add_up(amounts)", why="the caller still needs them", look_at="calls that change the list"
):
    total = add_up(amounts)
expect.equal(
    [total, add_up([None])],
    [12, 0],
    what="add_up([None, 5, None, None, 7]) and add_up([None])",
    why="5 and 7 are known, and then nothing is",
    look_at="what you do with None",
)


# %% wrong="stops_at_gap" of="add_up" caught_by="known_amounts"
# A gap is not the end of the day: this stops at the first None.
def add_up(amounts):
    total = 0
    for amount in amounts:
        if amount is None:
            break
        total += amount
    return total


# %% wrong="no_refunds" of="add_up" caught_by="known_amounts"
# A refund is an amount too, and this counts only sales.
def add_up(amounts):
    return sum(amount for amount in amounts if amount is not None and amount > 0)


# %% wrong="removes_gaps" of="add_up" caught_by="list_stays"
# Removing the gaps changes the list of the caller.
def add_up(amounts):
    while None in amounts:
        amounts.remove(None)
    return sum(amounts)


# %% also="loop" of="add_up"
def add_up(amounts):
    total = 0
    for amount in amounts:
        if amount is not None:
            total += amount
    return total


# %% also="gap_is_nothing" of="add_up"
def add_up(amounts):
    return sum(amount or 0 for amount in amounts)
