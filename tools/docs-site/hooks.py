"""What the site does otherwise than the pages on GitHub: links that leave docs/, and pages that the navigation doesn't name."""

import re
from pathlib import Path

from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

FRONT = "front-page.md"
SHIM = "assets/iframe-worker.js"
STYLE = "assets/extra.css"
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
    for asset in (SHIM, STYLE):
        files.append(File.generated(config, asset, abs_src_path=str(Path(__file__).with_name(Path(asset).name))))
    config.nav.insert(1, {"Front page": FRONT})
    return files


def on_page_markdown(markdown, page, config, files):
    def rewritten(link):
        words, target = link.groups()
        if target.startswith("../README.md"):
            return f"[{words}]({FRONT}{target.removeprefix('../README.md')})"
        return words  # a file of the project, which the site has not

    return OUTSIDE.sub(rewritten, markdown)


def on_post_page(output, page, config):
    # The theme would fetch it from elsewhere.
    return output.replace("https://unpkg.com/iframe-worker/shim", get_relative_url(SHIM, page.url))


def on_post_template(output_content, template_name, config):
    return output_content.replace("https://unpkg.com/iframe-worker/shim", SHIM)
