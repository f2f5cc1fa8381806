"""How a sheet comes over HTTP and goes: one form for every import and export."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from callcenter.platform.errors import BadInput
from callcenter.platform.http.api import Config
from callcenter.platform.sheets.reading import SheetLimits
from callcenter.platform.sheets.writing import SheetFormat, Value, write_sheet

FIELD = "file"
_BYTES = {"schema": {"type": "string", "format": "binary"}}

SHEET_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "CSV (UTF-8, GB 18030 or UTF-16; commas, semicolons or tabs) or .xlsx: as"
        " the body, or as the field `file` of a form.",
        "content": {
            "text/csv": _BYTES,
            SheetFormat.XLSX.media_type: _BYTES,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                    "additionalProperties": False,
                }
            },
        },
    }
}
"""``openapi_extra`` of an endpoint that takes a `SheetFile`."""

SHEET_ANSWER: dict[str, Any] = {
    "content": {"text/csv": _BYTES, SheetFormat.XLSX.media_type: _BYTES}
}
"""The description of what an endpoint answers with `sheet_answer`."""


async def _sheet(request: Request) -> bytes:
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        data = await request.body()
        if not data:
            raise BadInput("body: send a sheet", field="body")
        return data
    try:
        async with request.form(max_files=2, max_fields=2) as form:
            found = form.multi_items()
            for name, _ in found:
                if name != FIELD:
                    raise BadInput(f"{name[:60]}: the form has one field, {FIELD}", field=name[:60])
            if len(found) != 1 or not isinstance(found[0][1], UploadFile):
                raise BadInput(f"{FIELD}: send one file in the form's field {FIELD}", field=FIELD)
            return await found[0][1].read()
    except HTTPException as error:  # the form cannot be read
        raise BadInput(f"body: {error.detail}") from error


SheetFile = Annotated[bytes, Depends(_sheet)]
"""An endpoint's parameter: the bytes of the one file that was sent."""

FormatWanted = Annotated[SheetFormat, Query(alias="format", description="csv or xlsx.")]
"""An endpoint's parameter, of every export."""


async def _limits(config: Config) -> SheetLimits:
    return SheetLimits(config.sheet_rows_max, config.sheet_unpacked_max_bytes)


Limits = Annotated[SheetLimits, Depends(_limits)]
"""An endpoint's parameter."""


class SheetProblemOut(BaseModel):
    """One thing to mend in a sheet."""

    model_config = ConfigDict(from_attributes=True)

    row: int = Field(description="As the spreadsheet numbers it; the heading is 1, the file 0.")
    column: str = Field(description="Empty: the whole row.")
    fault: str = Field(description="Stable: not_text, unknown_column, bad_value …")
    message: str


def sheet_answer(
    name: str, columns: Sequence[str], rows: Iterable[Sequence[Value]], form: SheetFormat
) -> Response:
    """The answer that a browser saves as the file `name`.csv or .xlsx."""
    return Response(
        write_sheet(columns, rows, form),
        media_type=form.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )
