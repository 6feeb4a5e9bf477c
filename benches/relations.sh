#!/usr/bin/env bash
# How well relations are found in noisy boxes, written into docs/performance.md: of seeds that tuned nothing, and of which
# benches/relations.rs tells no more than this.
cd "$(dirname "$0")/.."
. benches/lib.sh
machine
table=$(cargo bench --quiet --locked --bench relations)
echo "$table"
TABLE=$table python3 - <<'PYTHON'
import os, re
path = "docs/performance.md"
text = open(path).read()
begin, end = "<!-- relations: written by benches/relations.sh -->\n", "<!-- end of relations -->\n"
pattern = re.escape(begin) + ".*?" + re.escape(end)
written = begin + "\n" + os.environ["TABLE"].strip() + "\n\n" + end
text, count = re.subn(pattern, lambda _: written, text, flags=re.S)
assert count == 1, "docs/performance.md has no place for the table"
open(path, "w").write(text)
PYTHON
