"""The HTML page: valid, self-contained, complete, and safe against what it is given."""

import base64
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
Image = pytest.importorskip("PIL.Image")

from rushlight.report import (  # noqa: E402
    WrongExample,
    classification,
    html_page,
    learning_curves,
    regression,
    save_page,
    wrong_examples,
)
from rushlight.report.gallery import picture_file  # noqa: E402

EMPTY = {"meta", "img", "source", "br", "link", "input", "hr"}
EVIL = '<script>alert("x")</script>&'


class Page(HTMLParser):
    """Reads a page; complains where an end tag does not fit, and collects what a test may want to know."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.attributes, self.elements, self.words, self.ids = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"twice in <{tag}>: {names}"
        self.elements.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def values(self, *names):
        return [value for _, name, value in self.attributes if name in names]


def history():
    return [
        {"train_loss": 1 / n, "val_loss": 1.2 / n, "accuracy": 1 - 0.5 / n, "lr": 0.1, "seconds": 3.0}
        for n in range(1, 5)
    ]


@pytest.fixture(scope="module")
def report():
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    scores = random.normal(size=(90, 3))
    scores[np.arange(90), labels] += 1.5
    return classification(labels, scores, ["cat", EVIL, "猫"])


@pytest.fixture(scope="module")
def text(report):
    pictures = np.random.default_rng(1).random((90, 8, 8))
    settings = {"optimizer": {"name": EVIL, "lr": 0.001}, "batches": [16, 32], "shuffle": True, "note": None}
    return html_page(
        report,
        title=f"Animals {EVIL}",
        introduction=f"What it is for. {EVIL}",
        settings=settings,
        learning=history(),
        wrong=wrong_examples(report, pictures, 6),
        created="2026-01-02",
    )


def test_page_is_valid_html(text):
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>") and page.elements[0] == "html"
    assert page.elements.count("h1") == 1 and page.elements.count("title") == 1
    assert len(page.ids) == len(set(page.ids))
    for target in page.values("href"):
        assert target.startswith("#") and target[1:] in page.ids
    assert all(alt for alt in page.values("alt"))
    assert page.elements.count("img") == len(page.values("alt"))


def test_page_loads_nothing(text):
    page = Page(text)
    assert re.search(r"https?://", text) is None
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.elements)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    sources = page.values("src", "srcset")
    assert sources and all(source.startswith("data:image/") for source in sources)
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.S))
    assert styles and "url(" not in styles and "@import" not in styles
    assert page.values("http-equiv") == ["Content-Security-Policy"]
    assert "default-src 'none'" in page.values("content")[1]


def test_every_picture_is_embedded_and_opens(text):
    page = Page(text)
    sources = page.values("src", "srcset")
    # Classes, confusions, ROC and learning curves, each light and dark, and six wrong examples.
    assert len(sources) == 4 * 2 + 6
    for source in sources:
        data = base64.b64decode(source.partition(",")[2], validate=True)
        image = Image.open(io.BytesIO(data))
        image.load()
        assert image.format == "PNG"


def test_page_has_every_section_and_number(text, report):
    page = Page(text)
    sections = ["training", "results", "classes", "confusions", "roc", "learning", "wrong", "glossary"]
    assert page.ids == sections
    for part in [
        "2026-01-02",
        "90 test examples",
        report.summary(),
        f"{report.accuracy:.2%}",
        f"{report.macro.f1:.2%}",
        f"{report.roc_area:.4f}",
        report.most_confused[0].sentence(),
        "optimizer · lr 0.001",
        "batches 16, 32",
        "shuffle yes",
        "trained for 4 epochs in 12 seconds",
        "lowest (0.3) after epoch 4",
        "Overfitting",
        "Confusion matrix",
        "猫",
    ]:
        assert part in page.text, part


def test_outside_text_is_escaped(text):
    assert "<script" not in text and EVIL in Page(text).text


def test_page_of_predictions_alone():
    page = Page(html_page(classification([0, 1, 1], [0, 1, 0]), created=""))
    assert page.ids == ["results", "classes", "confusions", "glossary"]
    assert "ROC area" not in page.text.split("Glossary")[0] and "Epoch" not in page.text


def test_page_of_a_regression():
    targets = [[1.0, 5.0], [2.0, 6.0], [4.0, 9.0]]
    report = regression(targets, [[1.0, 5.5], [2.5, 6.0], [3.0, 9.0]], ["a", "b"])
    page = Page(html_page(report, learning=learning_curves(history())))
    assert page.ids == ["training", "results", "agreement", "residuals", "worst", "learning", "glossary"]
    assert len(page.values("src", "srcset")) == 2 * 2 * 2 + 2
    assert "R²" in page.text and "Residual" in page.text
    single = Page(html_page(regression([1.0, 2.0], [1.0, 3.0])))
    assert "Mean residual -0.5" in single.text


def test_gallery_takes_many_kinds_of_pictures():
    jpeg = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(jpeg, format="JPEG")
    assert picture_file(jpeg.getvalue())[0] == "image/jpeg"
    assert picture_file(picture_file(np.zeros((4, 4)))[1])[0] == "image/png"
    with pytest.raises(ValueError, match="neither a PNG nor a JPEG"):
        picture_file(b"GIF89a...")
    for shape in [(5, 7), (5, 7, 1), (5, 7, 3), (1, 5, 7), (3, 5, 7), (4, 5, 7)]:
        kind, data = picture_file(np.zeros(shape, np.float32))
        assert kind == "image/png" and Image.open(io.BytesIO(data)).size == (7, 5)
    for shape in [(5,), (5, 7, 2), (2, 5, 7), (0, 5), (1, 3, 5, 7)]:
        with pytest.raises(ValueError, match="picture"):
            picture_file(np.zeros(shape))


def test_gallery_pixels():
    def pixels(array):
        return np.asarray(Image.open(io.BytesIO(picture_file(array)[1]))).tolist()

    assert pixels(np.array([[0.0, 0.5], [0.25, 1.0]])) == [[0, 128], [64, 255]]
    assert pixels(np.array([[-1.0, 0.0], [0.0, 1.0]])) == [[0, 128], [128, 255]]
    assert pixels(np.array([[0, 7], [255, 1]], np.uint8)) == [[0, 7], [255, 1]]
    assert pixels(np.array([[True, False]])) == [[255, 0]]


def test_gallery_words():
    report = classification([0, 1, 1], [1, 1, 0], ["hen", "egg"])
    wrong = [(None, 0, 1, 0.875), WrongExample(np.zeros((200, 200)), "egg", "hen")]
    text = html_page(report, wrong=wrong)
    page = Page(text)
    assert "is hen taken for egg 87.5% sure" in page.text and "is egg taken for hen" in page.text
    # Only small pictures are enlarged with sharp edges.
    assert 'class="small"' not in text
    with pytest.raises(ValueError, match="3 examples, got 1 pictures"):
        wrong_examples(report, [None])
    assert [example.true for example in wrong_examples(report, [np.zeros((2, 2))] * 3)] == ["hen", "egg"]


def test_other_things_are_refused():
    with pytest.raises(TypeError, match="got dict"):
        html_page({"accuracy": 1.0})


def test_save_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "page.html"
    report = classification([0, 1], [0, 1])
    assert save_page(path, report, title="First") == path
    before = path.read_text(encoding="utf-8")
    assert "<title>First</title>" in before
    with pytest.raises(ValueError, match="neither a PNG"):
        save_page(path, report, wrong=[(b"?", 0, 1, None)])
    assert path.read_text(encoding="utf-8") == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


def test_importing_reports_loads_no_heavy_library():
    program = (
        "import sys, rushlight.report;"
        "print([name for name in ('sklearn', 'matplotlib', 'rich', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stderr
