"""What the site does otherwise than the pages on GitHub: links that leave docs/, and pages that the navigation doesn't name."""

import re
from pathlib import Path

from mkdocs.structure.files import File

FRONT = "front-page.md"
ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = re.compile(r"\[([^\]]*)\]\((\.\./[^)\s]*)\)")
MERMAID = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)


def named(items):
    """The pages that a navigation names."""
    for item in items:
        for value in item.values() if isinstance(item, dict) else [item]:
            if isinstance(value, list):
                yield from named(value)
            else:
                yield value


def on_config(config):
    known = set(named(config.nav))
    pages = {str(page.relative_to(config.docs_dir)) for page in Path(config.docs_dir).rglob("*.md")}
    more = sorted(pages - known)
    if more:
        config.nav.append({"More": more})
    return config


def on_files(files, config):
    # The project's front page is a page of the site too: others lead to it.
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = MERMAID.sub("", text)
    text = re.sub(r"\]\(docs/", "](", text)
    text = re.sub(r"\[([^\]]*)\]\((?![a-z]+:|#|[a-z-]+\.md)[^)\s]*\)", r"\1", text)
    files.append(File.generated(config, FRONT, content=text))
    config.nav.insert(1, {"Front page": FRONT})
    return files


def on_page_markdown(markdown, page, config, files):
    def rewritten(link):
        words, target = link.groups()
        if target.startswith("../README.md"):
            return f"[{words}]({FRONT}{target.removeprefix('../README.md')})"
        return words  # a file of the project, which the site has not

    return OUTSIDE.sub(rewritten, markdown)
