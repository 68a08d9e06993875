// The journal of a run that was killed, and that of a bisection.
#include <fmt/format.h>
#include <sys/mman.h>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/bisect/journal.h"
#include "reports/journal.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

void read(std::string_view bytes) {
  const Fd file(::memfd_create("journal", MFD_CLOEXEC));
  if (!file || !write_all(file.get(), bytes)) return;
  const std::string path = fmt::format("/proc/self/fd/{}", file.get());
  const auto journal = reports::read_journal(path);
  promise(journal.ok(), "a journal of whatever content is read");
  promise(journal->events.size() == journal->times.size(), "each event of a journal has a time");
  promise(reports::left_behind(journal->events).size() <= journal->events.size(), "what was left behind was begun");
  const auto bisection = bisect::read_journal(path);
  promise(bisection.ok() || !bisection.error().what.empty(), "a line that is no entry is named");
}

std::vector<std::string> seeds(const std::filesystem::path&) {
  std::vector<std::string> lines = sample_lines();
  for (std::string& line : lines) line.insert(1, R"("at":"2026-03-01T10:00:00Z",)");
  return {join(lines, "\n") + "\n", join(lines, "\n"), lines.front() + "\n" + lines.back().substr(0, 40),
          R"({"step":"begin","tree":"/t","good":"a1","bad":"b2","filter":"*"}
{"step":"sought","case":"Preserve.X","type":"kernel.bdf","fingerprint":"f","message":"m"}
{"step":"build","commit":"c3","without":false,"kernel":"k","build_id":"id","untestable":"","seconds":12.5}
{"step":"run","commit":"c3","without":true,"seen":"failed","told":"t","never":false,"seconds":3}
)"};
}

}  // namespace

Target journal_target() { return {.name = "journal", .read = read, .seeds = seeds}; }

}  // namespace holdfast::fuzzing
