#!/bin/sh
# Runs every lint over the files git knows (or, in an export without git, over the tree). Arguments: the source folder.
set -u
cd "$1" || exit 2
here=tests/lint
python=/usr/bin/python3

listed() {
  if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
    git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@"
  else
    for pattern in "$@"; do find . -path './build*' -prune -o -name "${pattern##*/}" -type f -print | sed 's|^\./||'; done
  fi | while IFS= read -r file; do [ -f "$file" ] && printf '%s\n' "$file"; done
}

# Names the files whose format is not clang-format's, once each.
format_of() {
  unformatted=$(clang-format-19 --dry-run "$@" 2>&1 | sed -n 's/^\([^:]*\):.*Wclang-format-violations.*/\1/p' | sort -u)
  [ -z "$unformatted" ] || {
    printf 'run clang-format-19 -i on:\n%s\n' "$unformatted"
    return 1
  }
}

failed=0
check() {
  title=$1
  shift
  if "$@"; then echo "ok: $title"; else
    echo "FAILED: $title"
    failed=1
  fi
}

sources=$(listed '*.cpp' '*.hpp' '*.h')
scripts=$(listed '*.py' '*.sh')
texts=$(listed '*.md' '*.yaml' '*.yml' '*.txt' '*.cmake' 'Dockerfile' 'quickstart' 'run-tests')

check "the co_await lint judges its examples rightly" $python $here/co_await_statements.py --self-test
# shellcheck disable=SC2086 # file names hold no blanks
{
  check "co_await statements" $python $here/co_await_statements.py $sources
  check "include directions" $python $here/include_directions.py .
  check "file sizes" $python $here/size.py $sources
  check "vocabulary" $python $here/vocabulary.py $(printf '%s\n' $sources $scripts | grep -v '^tests/lint/')
  check "foreign traces" $python $here/foreign_traces.py $(printf '%s\n' $sources $scripts $texts | grep -v '^tests/lint/')
  check "format (clang-format-19)" format_of $sources
}
exit $failed
