"""Documents for print and download: a Typst template and data become a tagged PDF (PDF/UA-1).

Text goes into a template as data, never as markup, so that no name or answer can be taken for a
command. The fonts are those that Typst brings along: what is printed does not depend on what is
installed on the server. Nothing is fetched from the network.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any


def set_pdf(template: Path, data: Mapping[str, Any], *, now: datetime) -> bytes:
    """Return the PDF that ``template`` makes of ``data``; it reads them as JSON from `sys.inputs`.

    ``now`` is the document's time of making; equal input gives equal bytes. The template may read
    files beside it and none outside its folder.
    """
    # A library of 84 MB, loaded only by a process that sets a document.
    import typst

    compiler = typst.Compiler(
        input=template,
        root=template.parent,
        font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=True),
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
    )
    return compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=int(now.timestamp()))
