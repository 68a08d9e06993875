// A JUnit file, of this program or of another one.
#include "reports/history/junit_reader.h"
#include "reports/junit.h"
#include "reports/record.h"
#include "reports/sample_events.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

namespace sample = reports::sample;

/// As the report of a run with these events.
std::string xml_of(const std::vector<Event>& events, reports::JunitDialect dialect) {
  reports::RunRecord record;
  for (const Event& event : events) record.add(event);
  return reports::junit_xml(record, "host", "/out", dialect);
}

void read(std::string_view bytes) {
  std::vector<Event> events;
  const auto told = reports::tell_junit(
      std::string(bytes), [&](Event event, reports::WallClock::time_point) { events.push_back(std::move(event)); });
  if (!told) return;
  // What others wrote goes into reports of this program's own: of a comparison, of a merge.
  const auto ours = reports::tell_junit(xml_of(events, reports::JunitDialect::kStrict),
                                        [](const Event&, reports::WallClock::time_point) {});
  // Times that are believed one by one may add up to more than is believed.
  promise(ours.ok() || ours.error().what.ends_with("is no time"),
          "what was read of a report can be written and read again");
}

std::vector<std::string> seeds(const std::filesystem::path&) {
  const std::vector<Event> events{
      sample::run_started("/out/run"), sample::settled(sample::kKeeps, {sample::hang(), Verdict::passed()}),
      sample::settled(sample::kMemfd, {sample::vm_killed()}),
      sample::planned_skip({.suite = "S", .name = "N", .device = "nvme"}), sample::run_ended(1)};
  std::string repeated = R"(<testsuite name="s">)";
  for (int i = 0; i < 700; ++i) repeated += R"(<testcase name="x"><failure type="t"/></testcase>)";
  return {repeated + "</testsuite>", xml_of(events, reports::JunitDialect::kStrict),
          xml_of(events, reports::JunitDialect::kExtended),
          R"(<?xml version="1.0"?><testsuite name="other" timestamp="2026-03-01T10:00:00Z" hostname="h">
<testcase classname="a.b.c" name="x" time="1,001.250"><rerunFailure message="m" type="t"/></testcase>
<testcase name="y"><skipped/></testcase><testcase name="y"><error>first line</error></testcase></testsuite>)"};
}

}  // namespace

Target junit_target() { return {.name = "junit", .read = read, .seeds = seeds}; }

}  // namespace holdfast::fuzzing
