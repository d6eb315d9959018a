import pandas as pd
from clock import Clock
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

NUMBERS = ["amount", "items", "attempts", "address_age_days", "device_known", "orders_7d", "orders_30d"]
NUMBERS += ["hours_since_last", "mean_amount_30d", "customer_chargebacks", "corridor_ripe", "corridor_frauds"]
FEW_WORDS = ["channel", "device", "ship_country", "card_country", "product_category"]
MANY_WORDS = ["corridor"]
TEXT = "product_title"
MOMENT = "placed_at"
COLUMNS = [*NUMBERS, *FEW_WORDS, *MANY_WORDS, TEXT, MOMENT]


def tidy(orders):
    """The columns of the model in one form, whatever form they come in: floats, texts, moments.

    orders: DataFrame with at least COLUMNS, in any order and form; it is not changed.
    Returns a DataFrame with COLUMNS and the rows of orders.
    """
    numbers = orders[NUMBERS].apply(pd.to_numeric).astype("float64")
    words = orders[[*FEW_WORDS, *MANY_WORDS, TEXT]].astype("string").fillna("").astype(object)
    return pd.concat([numbers, words, orders[[MOMENT]]], axis=1)


def fraud_pipeline():
    """An unfitted Pipeline from orders as they arrive to the probability of fraud; its last step is the classifier."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

    numbers = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    rates = make_pipeline(TargetEncoder(target_type="binary", smooth=20.0, cv=folds), StandardScaler())
    columns = ColumnTransformer(
        [
            ("numbers", numbers, NUMBERS),
            ("few_words", OneHotEncoder(handle_unknown="ignore", min_frequency=5), FEW_WORDS),
            ("many_words", rates, MANY_WORDS),
            ("text", TfidfVectorizer(min_df=5), TEXT),
            ("moment", Clock(), [MOMENT]),
        ]
    )
    classifier = LogisticRegression(max_iter=1000)
    return Pipeline([("tidy", FunctionTransformer(tidy)), ("columns", columns), ("classifier", classifier)])
