// What came of a run that is over, told by the files that it left?
#include "reports/history/run_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "reports/attempt_files.h"
#include "reports/history/junit_reader.h"

namespace holdfast::reports {

namespace fs = std::filesystem;

namespace {

Error broken(const fs::path& file, std::string_view what) {
  return harness_error("broken", fmt::format("{}: {}", printable(file.string()), printable(what)))
      .because("leave this run out, or get its files again from where it ran");
}

/// Holds what is told against what a report relies on: cases have names, there are not too many, and no path leads out
/// of the run's folder. Passes on what is sound, until something is not.
class Gate {
 public:
  explicit Gate(const EventTaker& take) : take_(take) {}

  void take(Event event, WallClock::time_point at) {
    if (const auto* ended = std::get_if<AttemptEnded>(&event)) look_at(*ended);
    if (const auto* settled = std::get_if<CaseSettled>(&event)) look_at(*settled);
    if (!problem_.empty()) return;
    any_ = true;
    take_(std::move(event), at);
  }
  bool open() const { return problem_.empty(); }
  std::string problem(bool any_line) const {
    return any_ || any_line || !open() ? problem_ : "it holds no event of a run";
  }

 private:
  void look_at(const AttemptEnded& attempt) {
    if (attempt.dir.empty() || leads_inward(attempt.dir)) return;
    problem_ = fmt::format("the path \"{}\" leads out of the run's folder", attempt.dir);
  }
  void look_at(const CaseSettled& settled) {
    if (++cases_ > kMostCases) problem_ = fmt::format("it has more than {} cases", kMostCases);
    if (settled.id.suite.empty() && settled.id.name.empty()) problem_ = "a case has no name";
    for (const AttemptEnded& attempt : settled.attempts) look_at(attempt);
  }

  const EventTaker& take_;
  size_t cases_ = 0;
  bool any_ = false;
  std::string problem_;
};

/// The names of events that no report over runs has a use for.
const std::vector<std::string_view> kUnwanted{"attempt-ended", "phase-started", "intent", "finding-allowed"};

bool is_run_folder(const fs::path& folder) {
  std::error_code unknown;
  return fs::is_regular_file(folder / "journal.jsonl", unknown) || fs::is_regular_file(folder / "junit.xml", unknown);
}

/// The file of `where` that tells most, or nothing.
fs::path best_source(const fs::path& where) {
  std::error_code unknown;
  for (const char* name : {"journal.jsonl", "junit.xml"}) {
    if (fs::is_regular_file(where / name, unknown)) return where / name;
  }
  return fs::is_regular_file(where, unknown) ? where : fs::path();
}

Result<std::vector<fs::path>> runs_in(const fs::path& where) {
  std::error_code failed;
  if (!fs::is_directory(where, failed) || is_run_folder(where)) return std::vector<fs::path>{where};
  std::set<fs::path> runs;
  for (fs::directory_iterator it(where, failed), end; !failed && it != end; it.increment(failed)) {
    // `latest` is a symlink to a run that is there under its own name.
    if (!it->is_symlink(failed) && is_run_folder(it->path())) runs.insert(it->path());
  }
  if (runs.empty()) {
    return usage_error(fmt::format("{}: neither a run's folder nor one with such folders in it", where.string()))
        .because("give the folder that `holdfast run` named in its last line, or the one above it");
  }
  return std::vector<fs::path>(runs.begin(), runs.end());
}

}  // namespace

std::string RunResults::name() const {
  const std::string& id = record.started().run_id;
  return id.empty() ? folder.filename().string() : id;
}

Result<fs::path> source_of_run(const fs::path& where) {
  const fs::path source = best_source(where);
  if (source.empty()) {
    return usage_error(fmt::format("{}: there is no run", where.string()))
        .because("give a run's folder, its journal.jsonl, or a JUnit file");
  }
  return absolute_path(source);
}

Result<void> tell_run(const fs::path& source, const EventTaker& take) {
  Gate gate(take);
  const EventTaker checked = [&](Event event, WallClock::time_point at) { gate.take(std::move(event), at); };
  size_t lines = 0;
  if (source.extension() == ".jsonl") {
    const JournalRest rest = TRY(tell_journal(source, kUnwanted, checked, [&] { return gate.open(); }));
    if (!rest.broken.empty()) return broken(source, rest.broken);
    lines = rest.lines - static_cast<size_t>(rest.unreadable);
  } else {
    const auto told = tell_junit(TRY(read_file(source, kResultsLimit)), checked);
    if (!told) return broken(source, told.error().what);
  }
  if (const std::string problem = gate.problem(lines > 0); !problem.empty()) return broken(source, problem);
  return {};
}

Result<RunHead> head_of_run(const fs::path& source) {
  RunHead head{.source = source, .begun = {}, .started = {}};
  bool known = false;
  const EventTaker take = [&](Event event, WallClock::time_point at) {
    if (head.begun == WallClock::time_point()) head.begun = at;
    if (auto* started = std::get_if<RunStarted>(&event)) {
      head.started = std::move(*started);
      known = head.begun != WallClock::time_point();
    }
  };
  if (source.extension() == ".jsonl") {
    TRY(tell_journal(source, {}, take, [&] { return !known; }));
  } else {
    TRY(tell_run(source, take));
  }
  if (head.started.run_id.empty()) head.started.run_id = source.parent_path().filename().string();
  return head;
}

Result<RunResults> read_results(const fs::path& where, size_t enough_cases) {
  const fs::path source = TRY(source_of_run(where));
  const auto clock = std::make_shared<WallClock::time_point>();
  RunResults results{.source = source,
                     .folder = source.parent_path(),
                     .start = {},
                     .record = RunRecord([clock] { return *clock; }),
                     .phases = PhaseLog(enough_cases)};
  const EventTaker take = [&](Event event, WallClock::time_point at) {
    *clock = at;
    if (results.start == WallClock::time_point()) results.start = at;
    // The folder may have moved since.
    if (auto* started = std::get_if<RunStarted>(&event)) started->out_dir = results.folder.string();
    results.phases.add(event);
    results.record.add(std::move(event));
  };
  TRY(tell_run(source, take));
  return results;
}

Result<std::vector<fs::path>> runs_at(const std::vector<fs::path>& paths) {
  std::vector<fs::path> runs;
  for (const fs::path& path : paths) {
    for (fs::path& run : TRY(runs_in(path))) runs.push_back(std::move(run));
  }
  return runs;
}

Result<std::vector<RunResults>> read_all_results(const std::vector<fs::path>& paths) {
  std::vector<RunResults> all;
  for (const fs::path& run : TRY(runs_at(paths))) all.push_back(TRY(read_results(run)));
  std::ranges::stable_sort(all, [](const RunResults& a, const RunResults& b) {
    return std::pair(a.begun(), a.name()) < std::pair(b.begun(), b.name());
  });
  return all;
}

}  // namespace holdfast::reports
