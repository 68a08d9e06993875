// What does a run leave in its folder, besides what JUnit wants?
#include "reports/artifacts.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "reports/attempt_files.h"

namespace holdfast::reports {

namespace fs = std::filesystem;

namespace {

// Ordered: whoever opens the file finds what matters on top.
using Json = nlohmann::ordered_json;

Json json_of(const Properties& properties) {
  Json object = Json::object();
  for (const auto& [name, value] : properties) object[printable(name)] = printable(value);
  return object;
}

Json json_of(const Tally& tally) {
  return {{"passed", tally.passed}, {"failed", tally.failed}, {"errors", tally.errors}, {"skipped", tally.skipped}};
}

std::string text_of(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

/// Mail is plain and narrow; commands and paths are never broken.
std::string wrapped(std::string_view text, std::string_view indent) {
  constexpr size_t kMailWidth = 76;
  std::string result;
  std::string line(indent);
  const std::string clean = printable(text);
  for (const std::string_view paragraph : split(clean, '\n')) {
    for (const std::string_view word : split(paragraph, ' ')) {
      if (line.size() > indent.size() && line.size() + 1 + word.size() > kMailWidth) {
        result += line + "\n";
        line = indent;
      }
      if (line.size() > indent.size()) line += ' ';
      line += word;
    }
    result += line + "\n";
    line = indent;
  }
  return result;
}

std::string failure_paragraph(const CaseSettled& settled) {
  const Verdict& verdict = settled.verdict;
  std::string text = fmt::format("{:<5} {}\n", label(verdict.outcome), settled.id.key());
  text += wrapped(fmt::format("{}: {}", verdict.type, verdict.message), "      ");
  if (!verdict.hint.empty()) text += wrapped("try: " + verdict.hint, "      ");
  for (const AttemptEnded& attempt : settled.attempts) {
    if (!attempt.dir.empty()) text += fmt::format("      files: {}\n", printable(attempt.dir));
  }
  if (!settled.replay.empty()) text += fmt::format("      replay: {}\n", printable(settled.replay));
  return text + "\n";
}

std::string suite_paragraphs(const std::string& name, const SuiteRecord& suite) {
  std::string text =
      fmt::format("{}\n    {} in {}\n\n", printable(name), sentence(suite.tally()), duration(suite.took()));
  std::map<std::string, std::vector<std::string>> skips;  // reason, cases
  for (const auto& [id, settled] : suite.cases) {
    if (settled.verdict.outcome == Outcome::kSkipped) {
      skips[settled.verdict.message].push_back(id.key());
    } else if (settled.verdict.outcome != Outcome::kPassed) {
      text += failure_paragraph(settled);
    }
  }
  for (const auto& [reason, keys] : skips) {
    text += wrapped(fmt::format("SKIP  {}: {}", reason, join(keys, ", ")), "") + "\n";
  }
  return text;
}

}  // namespace

Result<fs::path> create_run_folder(const fs::path& out, std::string_view stamp, std::string_view id) {
  TRY(make_dirs(out));
  const fs::path whole = TRY(absolute_path(out));
  const std::string name = fmt::format("{}-{}", stamp, id);
  const fs::path folder = whole / name;
  if (::mkdir(folder.c_str(), 0755) != 0) {
    return system_error(fmt::format("create the run's folder {}", folder.string()), errno);
  }
  // rename() replaces a symlink in one step; symlink() cannot.
  const fs::path latest = whole / "latest";
  const fs::path beside = whole / fmt::format("latest.{}.new", name);
  if (::symlink(name.c_str(), beside.c_str()) != 0) {
    return system_error(fmt::format("create the symlink {}", beside.string()), errno);
  }
  if (::rename(beside.c_str(), latest.c_str()) != 0) {
    const int errnum = errno;
    ::unlink(beside.c_str());
    return system_error(fmt::format("turn {} to the new run", latest.string()), errnum)
        .because(fmt::format("remove or rename {}: it must be a symlink", latest.string()));
  }
  return folder;
}

std::string summary_text(const RunRecord& record, const fs::path& run_dir) {
  const Tally tally = record.tally();
  const auto& ended = record.ended();
  std::string text = fmt::format("holdfast run {}: {}{}\n\n", printable(record.started().run_id), sentence(tally),
                                 ended && ended->interrupted ? " (interrupted)" : "");
  for (const auto& [name, suite] : record.suites()) text += suite_paragraphs(name, suite);
  for (const std::string& warning : record.warnings()) text += wrapped("warning: " + warning, "");
  if (!record.warnings().empty()) text += "\n";
  text += fmt::format("Time:   {}\n", duration(record.took()));
  if (ended) text += fmt::format("Exit:   {}, {}\n", ended->exit_code, exit_meaning(ended->exit_code));
  return text + fmt::format("Report: {}\n", printable((run_dir / "junit.xml").string()));
}

std::string manifest_json(const RunRecord& record, const RunIdentity& identity, const std::string& started,
                          const std::string& ended) {
  Json manifest;
  manifest["format"] = 1;
  manifest["run_id"] = printable(record.started().run_id);
  manifest["program_version"] = printable(identity.program_version);
  manifest["command_line"] = Json::array();
  for (const std::string& word : identity.argv) manifest["command_line"].push_back(printable(word));
  manifest["host"] = printable(identity.host);
  manifest["started"] = started;
  if (!ended.empty()) manifest["ended"] = ended;
  if (const auto& end = record.ended()) {
    manifest["exit_code"] = end->exit_code;
    manifest["interrupted"] = end->interrupted;
    manifest["took_ms"] = end->took.count();
  }
  manifest["planned"] = record.started().planned;
  manifest["skipped_by_plan"] = record.started().skipped;
  manifest["tally"] = json_of(record.tally());
  manifest["properties"] = json_of(record.started().properties);
  manifest["suites"] = Json::array();
  for (const auto& [name, suite] : record.suites()) {
    manifest["suites"].push_back(
        {{"name", printable(name)}, {"tally", json_of(suite.tally())}, {"properties", json_of(suite.facts)}});
  }
  return text_of(manifest);
}

Artifacts::Artifacts(fs::path run_dir, RunIdentity identity, OnTrouble on_trouble, RunRecord::Now now,
                     std::shared_ptr<const RunRecord> shared)
    : run_dir_(std::move(run_dir)),
      identity_(std::move(identity)),
      trouble_(std::move(on_trouble)),
      now_(now),
      record_(std::move(now), std::move(shared)) {}

void Artifacts::on(const Event& event) {
  record_.add(event);
  if (std::holds_alternative<RunStarted>(event)) {
    started_ = iso_utc(now_());
    write_manifest();
  } else if (const auto* phase = std::get_if<PhaseEnded>(&event)) {
    phases_.add(*phase);
  } else if (const auto* milestone = std::get_if<Milestone>(&event)) {
    phases_.add(*milestone);
  } else if (const auto* attempt = std::get_if<AttemptEnded>(&event)) {
    write_timing(*attempt);
  } else if (const auto* settled = std::get_if<CaseSettled>(&event)) {
    write_replay(*settled);
  } else if (std::holds_alternative<RunEnded>(event)) {
    ended_ = iso_utc(now_());
    write_manifest();
    trouble_.check(write_file_atomic(run_dir_ / "summary.txt", summary_text(*record_, run_dir_)));
  }
}

void Artifacts::write_manifest() {
  trouble_.check(write_file_atomic(run_dir_ / "manifest.json", manifest_json(*record_, identity_, started_, ended_)));
}

Result<fs::path> Artifacts::folder_of(const AttemptEnded& attempt) const {
  if (!leads_inward(attempt.dir)) {
    return harness_error("path",
                         fmt::format("an attempt's folder \"{}\" is not within the run's", printable(attempt.dir)));
  }
  const fs::path folder = run_dir_ / fs::path(attempt.dir).lexically_normal();
  TRY(make_dirs(folder));
  return folder;
}

void Artifacts::write_timing(const AttemptEnded& attempt) {
  const std::vector<PhaseSpan> phases = phases_.take(attempt.where);
  const std::vector<MilestoneSpot> milestones = phases_.take_milestones(attempt.where);
  if (attempt.dir.empty()) return;
  Json timing;
  timing["case"] = printable(attempt.where.id.key());
  timing["target"] = printable(attempt.where.target);
  timing["attempt"] = attempt.where.attempt;
  timing["outcome"] = to_string(attempt.verdict.outcome);
  timing["took_ms"] = attempt.took.count();
  timing["phases"] = Json::array();
  for (const PhaseSpan& phase : phases) {
    timing["phases"].push_back({{"phase", printable(phase.name)}, {"ms", phase.took.count()}, {"ok", phase.ok}});
  }
  timing["milestones"] = Json::array();
  for (const MilestoneSpot& spot : milestones) {
    timing["milestones"].push_back({{"milestone", printable(spot.key)}, {"at_ms", spot.at.count()}});
  }
  const auto folder = folder_of(attempt);
  trouble_.check(folder ? write_file(*folder / "timing.json", text_of(timing)) : Result<void>(folder.error()));
}

void Artifacts::write_replay(const CaseSettled& settled) {
  if (settled.replay.empty()) return;
  // A newline in the command would begin another one, one in the name would leave the comment.
  std::string command = printable(settled.replay);
  std::string key = printable(settled.id.key());
  std::ranges::replace(command, '\n', ' ');
  std::ranges::replace(key, '\n', ' ');
  const std::string script = fmt::format("#!/bin/sh\n# Runs {} again.\n{}\n", key, command);
  for (const AttemptEnded& attempt : settled.attempts) {
    if (attempt.dir.empty()) continue;
    const auto folder = folder_of(attempt);
    trouble_.check(folder ? write_file(*folder / "replay.sh", script) : Result<void>(folder.error()));
    if (folder) ::chmod((*folder / "replay.sh").c_str(), 0755);
  }
}

}  // namespace holdfast::reports
