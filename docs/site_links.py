"""Hook of the site of the documentation: what lies outside it is named instead of linked."""

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)\s]*|[\w./-]+\.(?:yaml|py|sql))\)")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Return the page with links out of the documentation's folder replaced by text and path."""
    root = Path(config["docs_dir"]).resolve()
    folder = (root / page.file.src_uri).parent

    def named(link: re.Match[str]) -> str:
        target = (folder / link[2].partition("#")[0]).resolve()
        if target.is_relative_to(root):
            return link[0]
        path = target.relative_to(root.parent)
        return f"{link[1]} (`{path}`)" if str(path) not in link[1] else link[1]

    return _LINK.sub(named, markdown)
