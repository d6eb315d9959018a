"""The text of Tidewater: the same everywhere, varied, neither too easy nor too hard, and harmless."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import MultinomialNB
from tidewater import text
from tidewater.text import grammar, surface
from tidewater.text.draws import Draws

WORD = r"\b[a-z][a-z']+\b"
CONTENT = "bed1c01c7edc463b"
FICTION = re.compile(
    r"\+44 1632 960\d{3}|07700 900\d{3}|020 7946 0\d{3}|\+1 202 555 01\d\d|\+1 415-555-01\d\d"  # kept free for fiction
)


@cache
def some_reviews(n: int = 6500, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Honest reviews of all categories with their sentiment, spread evenly from -1 to 1."""
    rng = np.random.default_rng(seed)
    sentiment = rng.uniform(-1, 1, n)
    texts = text.reviews(rng, rng.integers(0, len(text.CATEGORIES), n), sentiment, np.zeros(n, bool))
    return texts, sentiment


@cache
def some_mails(era: float = 0.0, n: int = 6000, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mails (subject and body in one), their topics, and which three in ten are spam."""
    rng = np.random.default_rng(seed)
    topics, spam = rng.integers(0, len(text.TOPICS), n), rng.random(n) < 0.3
    subjects, bodies = text.mails(rng, topics, spam, era=era)
    return subjects + "\n" + bodies, topics, spam


@cache
def everything(seed: int = 7, n: int = 150) -> dict[str, list[str]]:
    """A sample of every kind of text."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % len(text.CATEGORIES)
    sentiment, eras = np.linspace(-1, 1, n), np.linspace(0, 1, n)
    titles = text.product_titles(rng, codes)
    found: dict[str, Iterable[str]] = {
        "titles": titles,
        "descriptions": text.product_descriptions(rng, codes, titles, eras),
        "reviews": text.reviews(rng, codes, sentiment, np.zeros(n, bool), titles=titles),
        "review spam": text.reviews(rng, codes, sentiment, np.ones(n, bool), era=eras),
        "queries": text.search_queries(rng, codes),
    }
    for name, spam in (("mails", False), ("mail spam", True)):
        found[f"{name}, subjects"], found[name] = text.mails(
            rng, np.arange(n) % len(text.TOPICS), np.full(n, spam), era=eras
        )
    for kind in text.HOSTILE_KINDS:
        found[kind] = text.hostile(rng, kind, n // 5)
    articles, facts = text.hidden_rulebook(rng)
    found["articles"] = [article.body for article in articles + text.rulebook()[0]]
    found["facts"] = [f"{fact.question} {fact.answer}" for fact in facts]
    return {name: list(texts) for name, texts in found.items()}


def test_the_same_state_gives_the_same_texts_everywhere() -> None:
    """The content has one hash on every supported Python and NumPy; a change of any grammar changes it."""
    joined = "\x00".join("\x01".join(texts) for texts in everything().values())

    assert hashlib.sha256(joined.encode()).hexdigest()[:16] == CONTENT


def test_a_call_moves_the_generator_by_a_fixed_amount() -> None:
    """What is drawn after a call does not depend on how many texts the call made, and a longer list goes on."""
    short, long = np.random.default_rng(3), np.random.default_rng(3)
    few, many = text.search_queries(short, [1] * 5), text.search_queries(long, [1] * 50)

    assert short.integers(10**9) == long.integers(10**9)
    assert list(few) == list(many[:5])


def test_no_rows_give_no_texts() -> None:
    """Empty arrays come back empty, as a day without orders needs."""
    rng, none = np.random.default_rng(0), np.zeros(0, dtype=int)

    assert len(text.product_titles(rng, none)) == len(text.search_queries(rng, none)) == 0
    assert len(text.reviews(rng, none, none, none.astype(bool))) == 0
    assert [len(part) for part in text.mails(rng, none, none.astype(bool))] == [0, 0]
    assert len(text.hostile(rng, "polite", 0)) == 0


def test_honest_reviews_seldom_repeat() -> None:
    """At least 97 % of 5,000 are distinct; people who write three words do repeat one another."""
    texts = some_reviews()[0][:5000]

    assert len(set(texts)) >= 0.97 * 5000
    assert np.quantile([len(words.split()) for words in texts], 0.95) > 2 * np.median(
        [len(words.split()) for words in texts]
    )


def test_the_vocabulary_is_that_of_a_marketplace() -> None:
    """At least 1,500 words without the rule book and without slips (a word counts when it comes three times)."""
    sample = [*some_reviews()[0], *some_mails()[0]]
    sample += [
        words for name, texts in everything().items() if name not in ("articles", "facts") for words in texts
    ]
    counts = CountVectorizer(token_pattern=WORD).fit_transform(sample).sum(axis=0)

    assert int((counts >= 3).sum()) >= 1500


def test_words_alone_do_not_tell_the_sentiment() -> None:
    """A TF-IDF logistic regression on 4,000 reviews calls the sign of 2,000 others right at 0.78 to 0.92.

    Measured over six seeds: 0.82 to 0.83 with single words, 0.93 to 0.94 with pairs, a standard error of 0.009 each;
    so the lower bound stands four errors away, and the gain of pairs, some 0.1, is well above the 0.05 asked for.
    """
    texts, sentiment = some_reviews()
    clear = np.abs(sentiment) > 0.15
    texts, positive = texts[clear], sentiment[clear] > 0
    train, test = slice(0, 4000 * len(texts) // 6000), slice(4000 * len(texts) // 6000, None)
    scores = {}
    for longest in (1, 2):
        words = TfidfVectorizer(ngram_range=(1, longest), token_pattern=r"\b\w+\b")
        model = LogisticRegression(C=10, max_iter=500).fit(words.fit_transform(texts[train]), positive[train])
        scores[longest] = model.score(words.transform(texts[test]), positive[test])

    assert 0.78 <= scores[1] <= 0.92
    assert scores[1] + 0.05 <= scores[2] <= 0.97


def naive_bayes(texts: np.ndarray, spam: np.ndarray) -> tuple[CountVectorizer, MultinomialNB]:
    """A filter of single words."""
    words = CountVectorizer(token_pattern=WORD)
    return words, MultinomialNB().fit(words.fit_transform(texts), spam)


def test_a_spam_filter_of_words_is_good_and_not_perfect() -> None:
    """ROC-AUC of naive Bayes lies between 0.93 and 0.99 on 2,000 mails; over six seeds it was 0.951 to 0.973."""
    texts, _, spam = some_mails()
    words, model = naive_bayes(texts[:4000], spam[:4000])
    chances = model.predict_proba(words.transform(texts[4000:]))[:, 1]

    assert 0.93 <= roc_auc_score(spam[4000:], chances) <= 0.99


def test_an_old_filter_loses_against_new_tricks() -> None:
    """A filter learned at era 0 finds 0.86 of the spam there, 0.65 at era 0.5 and 0.44 to 0.56 at era 1 (four seeds).

    At a fixed one false alarm in a hundred, the loss is smaller (0.88 to 0.74 to 0.82), for much of the form stays.
    """
    texts, _, spam = some_mails()
    words, model = naive_bayes(texts[:4000], spam[:4000])
    found, found_at_1 = [], []
    for era in (0.0, 0.5, 1.0):
        later, _, later_spam = some_mails(era, 4000, 3)
        odds = np.diff(model.predict_log_proba(words.transform(later)))[:, 0]
        found.append(np.mean(odds[later_spam] > 0))
        found_at_1.append(np.mean(odds[later_spam] > np.quantile(odds[~later_spam], 0.99)))

    assert found[1] < found[0] - 0.1
    assert found[2] < found[1] - 0.04
    assert found_at_1[2] < found_at_1[0] - 0.02


def test_themes_are_those_the_text_speaks_of() -> None:
    """Praise and blame of a theme follow the sentiment, and the words of delivery are where its mark is."""
    rng = np.random.default_rng(6)
    sentiment = rng.uniform(-1, 1, 4000)
    texts, themes = text.reviews_and_themes(rng, np.arange(4000) % 12, sentiment, np.zeros(4000, bool))
    speaks = np.array(
        [bool(re.search(r"\b(delivery|courier|parcel) (was|came|arrived|never)", t)) for t in texts]
    )
    delivery = themes[:, text.THEMES.index("delivery")]

    assert themes.shape == (4000, len(text.THEMES))
    assert set(np.unique(themes)) == {-1, 0, 1}
    assert np.mean(delivery[speaks] != 0) > 0.8
    assert np.corrcoef(themes.sum(axis=1), sentiment)[0, 1] > 0.6
    assert 0.08 < np.mean((themes == 1).any(axis=1) & (themes == -1).any(axis=1)) < 0.4


def test_spam_reviews_are_found_by_most_words_and_not_by_all() -> None:
    """Shills that sound like customers keep naive Bayes below an AUC of 0.995; links and slogans keep it above 0.9."""
    rng = np.random.default_rng(5)
    n = 5000
    spam, sentiment = rng.random(n) < 0.2, rng.uniform(-1, 1, n)
    texts = text.reviews(rng, rng.integers(0, 12, n), sentiment, spam)
    words, model = naive_bayes(texts[:3500], spam[:3500])
    chances = model.predict_proba(words.transform(texts[3500:]))[:, 1]

    assert 0.9 <= roc_auc_score(spam[3500:], chances) <= 0.995


def test_no_topic_is_given_away_by_one_word() -> None:
    """The best single word of each topic reaches an F1 below 0.7; all words together still find nine in ten."""
    texts, topics, spam = some_mails()
    texts, topics = texts[~spam], topics[~spam]
    table = CountVectorizer(token_pattern=WORD, binary=True).fit_transform(texts)
    present = (
        table.sum(axis=0).A1 if hasattr(table.sum(axis=0), "A1") else np.asarray(table.sum(axis=0)).ravel()
    )
    for code in range(len(text.TOPICS)):
        rows = topics == code
        hits = np.asarray(table[rows].sum(axis=0)).ravel()
        assert (2 * hits / (present + rows.sum())).max() < 0.7, text.TOPICS[code]
    model = LogisticRegression(max_iter=300).fit(table[:3000], topics[:3000])

    assert 0.8 <= model.score(table[3000:], topics[3000:]) <= 0.98


def test_addresses_and_telephones_are_nobody_s() -> None:
    """Domains end in .example, and telephone numbers come from ranges kept free for fiction."""
    for name, texts in everything().items():
        for words in texts:
            for host in re.findall(r"(?:https?://|@|www\.)([\w.-]+\w)", words, re.IGNORECASE):
                assert host.lower().endswith(".example") or name == "encoded", (name, host)
            assert not re.search(r"\w\.(com|org|net|edu|gov|de|eu|uk|io|shop|info)\b", words.lower()), words
            left = FICTION.sub("", words)
            assert name == "encoded" or not re.search(r"\+?\d[\d -]{8,}\d", left), left


def test_no_text_is_coarse() -> None:
    """Neither the grammars nor a slip of a finger make an insult."""
    coarse = re.compile(
        r"shit|cunt|fuck|\bass\b|bitch|bastard|idiot|moron|retard|whore|slut|\bfag|nigg|\btits", re.I
    )
    sample = [words for texts in everything().values() for words in texts]

    assert [words for words in [*sample, *some_reviews()[0], *some_mails()[0]] if coarse.search(words)] == []


def test_articles_and_capitals_are_right() -> None:
    """Where nobody slips, "a" and "an" fit the next word, sentences begin large, and no blank stands before a stop."""
    for name in ("titles", "descriptions", "articles"):
        for words in everything()[name]:
            assert not re.search(r"\b[Aa] [aeiou](?!ne\b|ni|s[eu])|\b[Aa]n [^aeiouh\W]", words), words
            assert not re.search(r"  | [.,;]|[<>{}~$]", words), words
            assert words[0] == words[0].upper()


def test_no_mark_of_the_grammar_is_left() -> None:
    """Braces, tildes and unknown slots never reach a reader."""
    for name, texts in everything().items():
        for words in texts:
            assert not re.search(r"[{}~]|<\$|\[\[\d|\|(?! |\n|$)", words), (name, words)


def test_every_hostile_text_carries_its_part() -> None:
    """The injected words stand in the text letter by letter, with ordinary text around them."""
    for kind in text.HOSTILE_KINDS:
        texts, parts = text.hostile_parts(np.random.default_rng(4), kind, 60)
        assert all(
            part in words and len(words) > len(part) + 10 for words, part in zip(texts, parts, strict=True)
        )
        assert len(set(parts)) > 30

    with pytest.raises(ValueError, match="no kind of hostile text"):
        text.hostile(np.random.default_rng(4), "loud", 1)


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_every_answer_stands_in_its_article(seed: int | None) -> None:
    """The span of a fact is in the body, the numbers of the answer are in the span, and null stays null."""
    articles, facts = text.rulebook() if seed is None else text.hidden_rulebook(np.random.default_rng(seed))
    bodies = {article.id: article.body for article in articles}

    assert len(articles) >= 40
    assert all(80 <= len(body.split()) <= 250 for body in bodies.values())
    for fact in facts:
        if fact.article_id is None:
            assert fact.answer is None
            assert fact.span is None
            continue
        assert fact.span is not None
        assert fact.answer is not None
        assert fact.span in bodies[fact.article_id], fact.id
        assert set(re.findall(r"\d[\d.:,]*\d|\d", fact.answer)) <= set(
            re.findall(r"\d[\d.:,]*\d|\d", fact.span)
        ), fact
    assert sum(fact.article_id is None for fact in facts) >= 10


def test_older_versions_contradict_newer_ones() -> None:
    """A superseded page is older than its successor, has the same title, and holds other words."""
    articles = {article.id: article for article in text.rulebook()[0]}
    newer = [article for article in articles.values() if article.supersedes]

    assert len(newer) >= 8
    for article in newer:
        older = articles[str(article.supersedes)]
        assert older.valid_from < article.valid_from
        assert older.title == article.title
        assert older.body != article.body


def test_a_hidden_rule_book_has_other_facts() -> None:
    """Same questions and pages; nine answers in ten are others (the rest are plain yes or no), and no number stays."""
    shipped, hidden = text.rulebook(), text.hidden_rulebook(np.random.default_rng(9))
    pairs = [(old, new) for old, new in zip(shipped[1], hidden[1], strict=True) if old.article_id]

    assert [old.id for old, _ in pairs] == [new.id for _, new in pairs]
    assert [page.id for page in shipped[0]] == [page.id for page in hidden[0]]
    assert np.mean([old.answer != new.answer for old, new in pairs]) >= 0.9
    assert all(old.answer != new.answer for old, new in pairs if re.search(r"\d", str(old.answer)))
    assert all(old.valid_from < new.valid_from for old, new in zip(shipped[0], hidden[0], strict=True))


def test_a_grammar_says_what_is_wrong() -> None:
    """A rule that is missing, repeated or left open is named."""
    with pytest.raises(grammar.GrammarError, match="no rule named 'b'"):
        grammar.Grammar("== a\n<b>").rule("a")
    with pytest.raises(grammar.GrammarError, match="not closed"):
        grammar.Grammar("== a\n{x|y").rule("a")
    with pytest.raises(grammar.GrammarError, match="repeated"):
        grammar.Grammar("== a\nx\n== a\ny")


def test_weights_and_variants_are_heeded() -> None:
    """`3*` makes an alternative three times as likely, and `name@variant` replaces the rule of that name."""
    rules = grammar.Grammar("== a\n3* x\ny\n== a@other\nz")
    draws = Draws(np.random.default_rng(0))
    drawn = [grammar.expand(rules.rule("a"), draws.take, {}) for _ in range(4000)]

    assert drawn.count("x") / 4000 == pytest.approx(0.75, abs=0.03)
    assert grammar.expand(rules.rule("a", "other"), draws.take, {}) == "z"


def test_polish_chooses_the_article() -> None:
    """By sound: an hour, a used lamp, an umbrella stand."""
    assert surface.polish("a~ hour with a~ used lamp and a~ umbrella. see https://x.example") == (
        "An hour with a used lamp and an umbrella. See https://x.example"
    )


def test_a_slip_leaves_addresses_alone() -> None:
    """A mistyped domain might be somebody's."""
    draws = Draws(np.random.default_rng(1))
    changed = {surface.slip("see https://pay.example/login", draws.take) for _ in range(200)}

    assert all("://pay.example/login" in words for words in changed)
