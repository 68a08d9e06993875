// What do the reports of a very large run cost?
//
// usage: holdfast-bench-reports FOLDER RESULTS. Tells the reports of `holdfast run` about as many results as it is
// asked for, without any machine, and prints a line of JSON: the seconds that each of them took, and the peak of
// memory. The folder is then that of a run, and can be merged with others.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/event.h"
#include "reports/html/html_report.h"
#include "reports/journal.h"
#include "reports/junit.h"
#include "reports/shared_record.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;

constexpr int kTargets = 50;
/// Of a hundred results; the others pass. Runs of that size that anybody reads are mostly green.
constexpr int kFailed = 3;
constexpr int kErrors = 1;
constexpr int kSkipped = 6;

/// A report, and how long it was busy.
struct Measured {
  const char* name;
  std::unique_ptr<EventSink> sink;
  std::chrono::duration<double> busy{0};
};

class Reports {
 public:
  void add(const char* name, std::unique_ptr<EventSink> sink) { all_.push_back({name, std::move(sink)}); }
  void tell(const Event& event) {
    for (Measured& one : all_) {
      const auto begin = std::chrono::steady_clock::now();
      one.sink->on(event);
      one.busy += std::chrono::steady_clock::now() - begin;
    }
  }
  std::string figures() const {
    rusage use{};
    ::getrusage(RUSAGE_SELF, &use);
    std::string text = fmt::format("{{\"peak_mib\": {}", use.ru_maxrss / 1024);
    for (const Measured& one : all_) text += fmt::format(", \"{}_s\": {:.3f}", one.name, one.busy.count());
    return text + "}";
  }

 private:
  std::vector<Measured> all_;
};

CaseId id_of(int number) {
  constexpr const char* kDevices[] = {"", "e1000e", "nvme", "virtio-net", "edu"};
  return {.suite = fmt::format("Theme{}", number / kTargets % 40),
          .name = fmt::format("RequirementNumber{}", number / kTargets),
          .device = kDevices[number / kTargets % 5]};
}

Verdict verdict_of(int number) {
  const int place = number * 7 % 100;  // 7 and 100 have no common divisor: each place comes as often
  if (place < kFailed) {
    std::string console;
    for (int line = 0; line < 60; ++line) console += fmt::format("[{:5}.{:06}] a line of the console\n", line, number);
    return Verdict::from(kernel_error("hang", "kernel B was silent for 30 s").with("console", std::move(console)));
  }
  if (place < kFailed + kErrors) return Verdict::from(lab_error("link", "the link to the agent broke"));
  if (place < kFailed + kErrors + kSkipped) return Verdict::from(cannot("the kernel was built without an option"));
  return {};
}

/// What a case on a real machine has: 15 properties and 10 phases.
AttemptEnded attempt_of(const Where& where, int number) {
  AttemptEnded attempt{.where = where, .verdict = verdict_of(number), .took = milliseconds(3000), .properties = {}};
  attempt.dir = attempt_dir(where, /*several_targets=*/true);
  for (const char* side : {"before", "after"}) {
    attempt.properties[fmt::format("boot_id.{}", side)] = fmt::format("{:08x}-0000-4000-8000-{:012x}", number, number);
    attempt.properties[fmt::format("build_id.{}", side)] = "592443687e0f21a42831d729fda66820f2745721";
    attempt.properties[fmt::format("release.{}", side)] = "7.3.4";
    attempt.properties[fmt::format("cmdline.{}", side)] =
        "console=ttyS0 loglevel=5 panic=-1 retain_initrd no_timer_check kho=on liveupdate=on intel_iommu=on";
  }
  attempt.properties["nonce"] = fmt::format("{:016x}", number);
  attempt.properties["bdf.e1000e"] = "0000:01:00.0";
  attempt.properties["case.file"] = "cases/retrieve.cc";
  attempt.properties["case.line"] = fmt::format("{}", number % 300);
  return attempt;
}

void tell_of_case(Reports& reports, int number) {
  const Where where{.target = fmt::format("host-{:02}", number % kTargets), .id = id_of(number)};
  reports.tell(CaseStarted{where});
  CaseSettled settled{.suite = fmt::format("{}/7.3.4..7.3.4", where.target), .target = where.target, .id = where.id};
  for (const char* phase :
       {"boot", "snapshot", "bind", "preserve", "load", "kexec", "wait", "verify", "retrieve", "close"}) {
    reports.tell(PhaseEnded{where, phase, milliseconds(300)});
    settled.phases[phase] = milliseconds(300);
  }
  const AttemptEnded attempt = attempt_of(where, number);
  reports.tell(attempt);
  settled.verdict = attempt.verdict;
  settled.attempts = {attempt};
  settled.replay = fmt::format("holdfast run --target {} --filter {}", where.target, where.id.key());
  reports.tell(settled);
}

int tell_of_run(const std::filesystem::path& folder, int results) {
  const auto complain = [](const Error& error) {
    fmt::print(stderr, "holdfast-bench-reports: {}\n", error.what);
    std::exit(1);
  };
  if (auto made = make_dirs(folder); !made) complain(made.error());
  Reports reports;
  auto journal = reports::Journal::open(folder / "journal.jsonl", complain);
  if (!journal) complain(journal.error());
  reports.add("journal", *std::move(journal));
  const auto record = std::make_shared<reports::RunRecord>();
  const auto now = &reports::WallClock::now;
  reports.add("record", std::make_unique<reports::RecordKeeper>(record));
  reports.add("html", std::make_unique<reports::HtmlReport>(folder / "report.html", complain, now, record));
  reports.add("junit", std::make_unique<reports::JunitReport>(folder / "junit.xml", complain, now,
                                                              reports::JunitDialect::kStrict, record));
  reports.tell(RunStarted{.run_id = folder.filename().string(), .out_dir = folder.string(), .planned = results});
  Tally tally;
  for (int number = 0; number < results; ++number) {
    tell_of_case(reports, number);
    tally.add(verdict_of(number).outcome);
  }
  reports.tell(RunEnded{.tally = tally, .exit_code = exit_code(tally, false), .took = milliseconds(1000)});
  fmt::print("{}\n", reports.figures());
  return 0;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  const auto results = argc == 3 ? holdfast::parse_u64(argv[2]) : std::nullopt;
  if (!results || *results == 0 || *results > 10'000'000) {
    fmt::print(stderr, "usage: holdfast-bench-reports FOLDER RESULTS\n");
    return 2;
  }
  return holdfast::tell_of_run(std::filesystem::absolute(argv[1]), static_cast<int>(*results));
}
