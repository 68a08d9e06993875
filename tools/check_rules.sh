# What must no file of this tree do? The house rules, each with its reason and a sample that breaks it.
#
# Sourced by tools/check. A rule is one call:
#   deny NAME WHERE EXCEPT PATTERN REASON SAMPLE_PATH SAMPLE_TEXT
# No line of a file whose path matches WHERE and not EXCEPT may match PATTERN (all three are Perl's regular expressions).
# `tools/check --self-test` writes SAMPLE_TEXT to SAMPLE_PATH in an empty tree and expects the rule to object.
# shellcheck shell=bash

cxx='^(harness|lab|cases|fixtures|reports)/(?!kernel/.*\.h$).*\.(cc|h)$'
header='^(harness|lab|cases|fixtures|reports)/(?!kernel/.*\.h$).*\.h$'
none='^$'
include='^\s*#\s*include\s*'

# --- Rooms: who may know whom -----------------------------------------------------------------------------------------

deny agent-knows-base-and-wire '^harness/agent/' '_test\.cc$' "$include\"(?!harness/(agent|base|wire)/)" \
  'The agent is linked statically and runs on the target: it can use nothing of the controller.' \
  harness/agent/main.cc '#include "harness/run.h"'

deny wire-knows-base '^harness/wire/' "$none" "$include\"(?!harness/(base|wire)/)" \
  'The protocol is shared by the agent and the controller and belongs to neither.' \
  harness/wire/frame.cc '#include "harness/agent/server.h"'

deny base-knows-nobody '^harness/base/' "$none" "$include\"(?!harness/base/)" \
  'base is the ground floor.' \
  harness/base/file.cc '#include "harness/event.h"'

deny only-the-program-names-lab-and-reports '^harness/' '^harness/(main\.cc$|program/)' "$include\"(lab|reports|cases)/" \
  'The engine sees machines and reports through its own interfaces; main.cc and program/ put the concrete ones in.' \
  harness/run.cc '#include "lab/qemu/target.h"'

deny engine-knows-no-fixtures '^(harness|lab|reports)/' '(_test\.(cc|h)$|^harness/program/)' "$include\"fixtures/" \
  'Fixtures are for cases and for unit tests.' \
  lab/qemu/target.cc '#include "fixtures/fake_target.h"'

deny lab-knows-core '^lab/' "$none" "$include\"(reports|cases)/" \
  'lab and reports never know each other; the event stream is between them.' \
  lab/profiles.cc '#include "reports/junit.h"'

deny reports-know-events '^reports/' "$none" "$include\"(lab|cases|harness/agent|harness/steps)/" \
  'A report is a consumer of events: what it needs and does not find there belongs into an event.' \
  reports/html.cc '#include "lab/lease.h"'

deny cases-see-fixtures '^cases/' "$none" "$include(\"(lab|reports|harness/agent)/|<boost/)" \
  'A case says what the kernel must do, on whatever machine; it sees targets through the fixture.' \
  cases/preserve.cc '#include "lab/qemu/target.h"'

# --- Third-party libraries: each behind the file that wraps it --------------------------------------------------------

deny boost-in-process "$cxx" '^harness/(base/process|event_codec)\.cc$' "$include<boost/" \
  'Boost.Process v2 has traps (waits that block, descriptors that leak) that process.cc knows how to go around.' \
  lab/qemu/launch.cc '#include <boost/process/v2/process.hpp>'

deny libpci-in-pci "$cxx" '^harness/pci/[a-z_]*\.cc$' "(#\s*include\s*<pci/|\bpci_alloc\()" \
  'libpci has no extern "C" of its own and exits the process on errors: pci.cc sees to both.' \
  lab/metal/probe.cc '#include <pci/pci.h>'

deny pugixml-in-junit "$cxx" '^(reports/(history/)?junit[a-z_]*|harness/e2e/program)\.cc$' "$include<pugixml" \
  'pugixml writes bytes that XML forbids: text is cleaned in one place before it gets there. (e2e only reads.)' \
  reports/html.cc '#include <pugixml.hpp>'

deny toml-in-inventory "$cxx" '^lab/inventory/toml_table\.cc$' "$include<toml" \
  'One file knows how TOML is read, so that every mistake in it is pointed at in the same way.' \
  lab/profiles.cc '#include <toml++/toml.h>'

deny sodium-in-digest "$cxx" '^harness/base/digest[a-z_]*\.cc$' "$include<sodium" \
  'One way to make a checksum.' \
  harness/kernel/cache.cc '#include <sodium.h>'

deny no-third-party-in-headers "$header" '^harness/wire/codec_json\.h$' "$include<(boost/|nlohmann/|CLI/|pugixml|pci/|sodium|zlib|toml)" \
  'A header that shows a library makes everybody who includes it depend on that library.' \
  harness/plan.h '#include <nlohmann/json.hpp>'

deny codec-keeps-its-json "$cxx" '^harness/wire/codec[a-z_]*\.(cc|h)$' "$include\"harness/wire/codec_json\.h\"" \
  'The one header that shows a library is private to the sources of the codec.' \
  harness/agent/server.cc '#include "harness/wire/codec_json.h"'

deny gtest-in-cases-and-tests "$cxx" '(^(cases|fixtures)/|_test\.(cc|h)$|^harness/[a-z_]*(case|main)[a-z_]*\.cc$)' \
  "$include<(gtest|gmock)/" \
  'GoogleTest is how cases are written, not how the engine is.' \
  harness/plan.cc '#include <gtest/gtest.h>'

# --- Habits -----------------------------------------------------------------------------------------------------------

deny no-shell "$cxx" "$none" '(?<![\w.:>])(std::system|system|popen)\(' \
  'Programs get argument vectors (harness/base/process.h); a shell string is quoted wrongly one day.' \
  lab/metal/power.cc '  return system("ipmitool power off");'

deny no-sleep "$cxx" '_test\.cc$' '(?<![\w.:>])(::)?(std::this_thread::sleep_(for|until)|usleep|nanosleep|sleep)\(' \
  'Wait for a condition or a deadline that the stop token can end (harness/base/deadline.h), never sleep and hope.' \
  harness/steps/boot.cc '  std::this_thread::sleep_for(std::chrono::seconds(5));'

# The agent's init opens the console as the standard descriptors of all that it starts.
deny cloexec "$cxx" '^harness/agent/init\.cc$' \
  '(?<![\w.>])(::)?(open|openat)\((?!.*O_CLOEXEC).*\bO_(RDONLY|RDWR|WRONLY)|\b(pipe|dup|accept|epoll_create)\(' \
  'Every descriptor is close-on-exec: a child that inherits a console or a lock keeps it busy after its parent is gone.' \
  lab/qemu/console.cc '  int fd = ::open("/dev/kvm", O_RDWR);'

deny catch-all-in-main "$cxx" '(^harness/main\.cc|^harness/agent/main\.cc|_test\.cc)$' 'catch \(\.\.\.\)' \
  'Exceptions of a library are caught by type where it is wrapped; what is left is a bug, and main says so.' \
  harness/plan.cc '} catch (...) {'

deny named-nolint "$cxx" "$none" 'NOLINT(NEXTLINE|BEGIN|END)?(?!NEXTLINE|BEGIN|END)(?!\([a-z*-])(?!:)' \
  'An exception from a check names the check, or says why.' \
  harness/plan.cc 'int x = f();  // NOLINT'

deny plain-names "$cxx" "$none" '^\s*(class|struct)\s+(\[\[\w+\]\]\s+)?\w*(Manager|Helper|Utils?|Impl|Data)\b' \
  'A name says what the thing is.' \
  lab/lease.h 'class LeaseManager {'

deny no-loose-ends '^(?!tools/check)' '\.(patch|md)$' '\b(TODO|FIXME|XXX)\b' \
  'What is to be done stands in the tracker, not in the code.' \
  harness/plan.cc '// TODO: sort'

deny no-absolute-paths '^(?!tools/check)' '\.patch$' '(?<![\w.*}-])/(home|root|work)/\w\w' \
  'Nothing of the machine it was written on gets into the tree.' \
  tools/try 'cd /home/someone/holdfast'

deny no-trailing-space '^' '\.(patch|log|diff|xml|expected)$|^fixtures/.*\.txt$' '[ \t]+$' \
  'Invisible differences.' \
  CMakeLists.txt 'project(x)  '

deny speaks-of-itself '^(?!tools/check)' '\.(patch|log)$' '(?i)\b(issue #?[0-9]+\b|(this|previous) session of the project)' \
  'The tree is read by people who have only the tree.' \
  README.md 'As issue '"7"' asks.'

# --- Whole files: a function that prints what is wrong with the files it is given -------------------------------------

# about FUNCTION WHERE REASON SAMPLE_PATH SAMPLE_COMMAND (which writes the sample to stdout)

opens_with_comment() {
  awk 'FNR == 1 && !/^(\/\/|#!|# |\/\*)/ { print FILENAME ":1: the first line is no comment" }
       FNR == 2 && shebang && !/^# / { print FILENAME ":2: the line after #! is no comment" }
       { shebang = FNR == 1 && /^#!/ }' "$@"
}
about opens_with_comment "$cxx|^tools/[a-z_.]*$|^\.ci/" \
  'The first comment says which question the file answers.' \
  harness/plan.cc "printf '#include \"harness/plan.h\"\n'"

has_pragma_once() { grep -L '^#pragma once$' -- "$@" | sed 's/$/: no #pragma once/'; }
about has_pragma_once "$header" 'A header may be included twice.' harness/plan.h "printf '// What?\n'"

fits_500_lines() { awk 'FNR == 501 { print FILENAME ": more than 500 lines" }' "$@"; }
about fits_500_lines "$cxx" 'Longer than that, there is a second thing hiding in it.' \
  harness/plan.cc "printf '// What?\n'; yes '// line' | head -n 500"

ends_with_newline() {
  local file
  for file in "$@"; do [[ ! -s $file || -z $(tail -c 1 "$file") ]] || printf '%s: the last line has no end\n' "$file"; done
}
about ends_with_newline "$cxx|^tools/|\.(md|txt|json)$" 'Half a line.' harness/plan.cc "printf '// What?'"
