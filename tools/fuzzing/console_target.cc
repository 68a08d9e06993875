// What a kernel prints, or something that looks like one.
#include <algorithm>

#include "harness/base/text.h"
#include "harness/crash/crash.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

/// The same in pieces: of how many bytes, the log's own size says.
std::vector<CrashFinding> in_pieces(std::string_view log, const std::vector<LogMark>& marks) {
  CrashScan scan(marks);
  const size_t piece = 1 + log.size() % 97;
  for (size_t at = 0; at < log.size(); at += piece) scan.feed(log.substr(at, piece));
  return scan.finish();
}

void read(std::string_view bytes) {
  const std::vector<LogMark> marks{
      {.offset = 0, .phase = "boot", .start = LogMark::Start::kPowerOn, .kernel = 0, .uptime = 0, .since = {}},
      {.offset = bytes.size() / 2,
       .phase = "kexec",
       .start = LogMark::Start::kKexec,
       .kernel = 0,
       .uptime = 2.5,
       .since = [](size_t offset) { return static_cast<double>(offset % 100); }}};
  const auto whole = find_crashes(bytes, marks);
  const auto pieces = in_pieces(bytes, marks);
  promise(whole.size() == pieces.size(), "it makes no difference in which pieces a log comes: how many findings");
  for (size_t i = 0; i < whole.size(); ++i) {
    promise(whole[i].offset == pieces[i].offset && whole[i].fingerprint == pieces[i].fingerprint &&
                whole[i].excerpt == pieces[i].excerpt,
            "it makes no difference in which pieces a log comes: what is found");
    promise(whole[i].offset < bytes.size(), "a finding is in the log");
    promise(printable(whole[i].title) == whole[i].title && printable(whole[i].excerpt) == whole[i].excerpt,
            "a finding can be shown");
  }
  static_cast<void>(worst(find_crashes(bytes)));
}

std::vector<std::string> seeds(const std::filesystem::path& tree) {
  std::vector<std::string> logs = files_in(tree / "fixtures/consoles", ".log");
  // What matters is where it crashes, which is near the end of most.
  for (std::string& log : logs) log = log.substr(log.size() - std::min<size_t>(log.size(), 6000));
  return logs;
}

}  // namespace

Target console_target() { return {.name = "console", .read = read, .seeds = seeds, .longest = size_t{1} << 14}; }

}  // namespace holdfast::fuzzing
