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

/// What a report relies on: cases have names, there are not too many, and no path leads out of the run's folder.
std::string problem_in(const JournalEvents& log) {
  size_t cases = 0;
  for (const Event& event : log.events) {
    std::vector<std::string> dirs;
    if (const auto* ended = std::get_if<AttemptEnded>(&event)) dirs.push_back(ended->dir);
    if (const auto* settled = std::get_if<CaseSettled>(&event)) {
      if (++cases > kMostCases) return fmt::format("it has more than {} cases", kMostCases);
      if (settled->id.suite.empty() && settled->id.name.empty()) return "a case has no name";
      for (const AttemptEnded& attempt : settled->attempts) dirs.push_back(attempt.dir);
    }
    for (const std::string& dir : dirs) {
      if (!dir.empty() && !leads_inward(dir)) return fmt::format("the path \"{}\" leads out of the run's folder", dir);
    }
  }
  return log.events.empty() ? "it holds no event of a run" : "";
}

Result<JournalEvents> read_log(const fs::path& file) {
  const std::string text = TRY(read_file(file, kResultsLimit));
  JournalEvents log;
  if (file.extension() == ".jsonl") {
    log = parse_journal(text);
    if (!log.broken.empty()) return broken(file, log.broken);
  } else {
    auto read = parse_junit(text);
    if (!read) return broken(file, read.error().what);
    log = *std::move(read);
  }
  if (const std::string problem = problem_in(log); !problem.empty()) return broken(file, problem);
  return log;
}

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

Result<std::vector<fs::path>> runs_at(const fs::path& where) {
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

WallClock::time_point RunResults::begun() const {
  const auto known = std::ranges::find_if(log.times, [](auto when) { return when != WallClock::time_point(); });
  return known == log.times.end() ? WallClock::time_point() : *known;
}

RunRecord record_of(const JournalEvents& log) {
  const auto clock = std::make_shared<WallClock::time_point>();
  RunRecord record([clock] { return *clock; });
  for (size_t i = 0; i < log.events.size(); ++i) {
    *clock = log.times[i];
    record.add(log.events[i]);
  }
  return record;
}

Result<RunResults> read_results(const fs::path& where) {
  const fs::path source = best_source(where);
  if (source.empty()) {
    return usage_error(fmt::format("{}: there is no run", where.string()))
        .because("give a run's folder, its journal.jsonl, or a JUnit file");
  }
  const fs::path whole = TRY(absolute_path(source));
  // Not among the braces: g++ 12 leaks the members before it when TRY returns from there.
  JournalEvents log = TRY(read_log(whole));
  RunResults results{
      .source = whole, .folder = whole.parent_path(), .log = std::move(log), .record = RunRecord(), .phases = {}};
  for (Event& event : results.log.events) {
    // The folder may have moved since.
    if (auto* started = std::get_if<RunStarted>(&event)) started->out_dir = results.folder.string();
    results.phases.add(event);
  }
  results.record = record_of(results.log);
  return results;
}

Result<std::vector<RunResults>> read_all_results(const std::vector<fs::path>& paths) {
  std::vector<RunResults> all;
  for (const fs::path& path : paths) {
    for (const fs::path& run : TRY(runs_at(path))) all.push_back(TRY(read_results(run)));
  }
  std::ranges::stable_sort(all, [](const RunResults& a, const RunResults& b) {
    return std::pair(a.begun(), a.name()) < std::pair(b.begun(), b.name());
  });
  return all;
}

}  // namespace holdfast::reports
