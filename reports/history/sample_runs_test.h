// What runs do the tests of history share?
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/file.h"
#include "reports/history/junit_reader.h"
#include "reports/history/run_results.h"
#include "reports/journal.h"
#include "reports/junit.h"
#include "reports/sample_events.h"

namespace holdfast::reports::sample {

/// A settled case with the events that lead to it: its phases, a span for each name, in each attempt.
inline std::vector<Event> told(CaseSettled settled) {
  std::vector<Event> events;
  for (const AttemptEnded& attempt : settled.attempts) {
    events.emplace_back(CaseStarted{attempt.where});
    for (const auto& [phase, took] : settled.phases) {
      events.emplace_back(PhaseEnded{.where = attempt.where, .phase = phase, .took = took, .ok = true});
    }
    events.emplace_back(attempt);
  }
  events.emplace_back(std::move(settled));
  return events;
}

/// The same, with its milestones as the core tells them in its first attempt.
inline std::vector<Event> crossed(CaseSettled settled) {
  std::vector<Event> events;
  for (const auto& [key, at] : settled.milestones) {
    const size_t slash = key.find('/');
    const bool second = key.find('#') != std::string::npos;
    events.emplace_back(Milestone{.where = settled.attempts[0].where,
                                  .kexec = second ? 2 : 1,
                                  .device = slash == std::string::npos ? "" : key.substr(slash + 1),
                                  .name = std::string(milestone_of(key)),
                                  .at = at});
  }
  for (Event& event : told(std::move(settled))) events.push_back(std::move(event));
  return events;
}

/// The settled case, each attempt with a time of its own for the phase "kexec".
inline std::vector<Event> timed(const CaseId& id, const std::vector<int>& kexec_ms) {
  CaseSettled settled = sample::settled(id, std::vector<Verdict>(kexec_ms.size(), Verdict::passed()));
  settled.phases = {{"kexec", std::chrono::milliseconds(kexec_ms.back())}};
  std::vector<Event> events = told(settled);
  size_t next = 0;
  for (Event& event : events) {
    if (auto* phase = std::get_if<PhaseEnded>(&event)) phase->took = std::chrono::milliseconds(kexec_ms[next++]);
  }
  return events;
}

/// What a JUnit document tells, with the times of its suites.
inline Result<RunRecord> record_of_junit(std::string xml) {
  const auto clock = std::make_shared<WallClock::time_point>();
  RunRecord record([clock] { return *clock; });
  TRY(tell_junit(std::move(xml), [&](Event event, WallClock::time_point at) {
    *clock = at;
    record.add(std::move(event));
  }));
  return record;
}

/// Runs that are written to disk and read back.
class Runs : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
  }
  const std::filesystem::path& path() const { return dir_->path(); }

  /// Writes the journal and junit.xml of a run that began `day` days after a day in 2001.
  std::filesystem::path write_run(const std::string& id, int day, const std::vector<std::vector<Event>>& cases) {
    const std::filesystem::path folder = path() / ("run-" + id);
    EXPECT_TRUE(make_dirs(folder).ok());
    const auto now = [day] { return WallClock::time_point(std::chrono::seconds(1'000'000'000 + 86'400 * day)); };
    const OnTrouble fail = [](const Error& error) { ADD_FAILURE() << error.what; };
    auto journal = Journal::open(folder / "journal.jsonl", fail, now);
    EXPECT_TRUE(journal.ok());
    JunitReport junit(folder / "junit.xml", fail, now);
    const auto tell = [&](const Event& event) {
      (*journal)->on(event);
      junit.on(event);
    };
    RunStarted started = run_started(folder.string());
    started.run_id = id;
    started.properties["kernel.build_id"] = build_id_;
    started.properties.insert(properties_.begin(), properties_.end());
    tell(started);
    Tally tally;
    for (const auto& events : cases) {
      for (const Event& event : events) {
        tell(event);
        if (const auto* settled = std::get_if<CaseSettled>(&event)) tally.add(settled->verdict.outcome);
      }
    }
    tell(run_ended(exit_code(tally, false), tally, 10'000));
    return folder;
  }
  RunResults run(const std::string& id, int day, const std::vector<std::vector<Event>>& cases) {
    auto results = read_results(write_run(id, day, cases));
    EXPECT_TRUE(results.ok()) << results.error().what;
    return *std::move(results);
  }

  std::string build_id_ = "cafecafecafe";
  Properties properties_ = {};  ///< further ones of each run

 private:
  std::optional<TempDir> dir_;
};

}  // namespace holdfast::reports::sample
