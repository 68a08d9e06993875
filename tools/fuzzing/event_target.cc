// One line of the event stream, as a case's process sends it.
#include "harness/event_codec.h"
#include "reports/sample_events.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

namespace sample = reports::sample;

void read(std::string_view bytes) {
  const auto event = decode_event(bytes);
  if (!event) return;
  const std::string line = encode(*event);
  promise(line.find('\n') == std::string::npos, "an event is one line");
  const auto again = decode_event(line);
  promise(again.ok() && encode(*again) == line, "an event that was read can be written and read again");
}

}  // namespace

std::vector<std::string> sample_lines() {
  const Where where = sample::at(sample::kKeeps);
  const std::vector<Event> events{
      sample::run_started("/out/run"),
      SuiteFacts{.suite = sample::kSuite, .properties = {{"kernel", "a"}, {"accel", "tcg"}}},
      CaseStarted{where},
      Intent{.where = where, .action = "vfio-bind", .details = {{"bdf", "0000:03:00.0"}}},
      PhaseStarted{.where = where, .phase = "boot"},
      PhaseEnded{.where = where, .phase = "boot", .took = std::chrono::milliseconds(1200), .ok = true},
      Milestone{.where = where, .kexec = 2, .device = "e1000e", .name = "first-mmio", .at = {}},
      sample::attempt(where, sample::hang()),
      sample::settled(sample::kKeeps, {sample::hang(), Verdict::passed()}),
      sample::planned_skip(sample::kMemfd),
      FindingAllowed{
          .where = where, .kind = "warn", .title = "t", .phase = "wait", .kernel = "B", .pattern = "p", .reason = "r"},
      Recovery{.target = "metal-1", .rung = "power cycle", .ok = true, .took = {}, .why = "silent"},
      Note{Note::Level::kWarning, "falls back to TCG"},
      sample::run_ended(1),
  };
  std::vector<std::string> lines;
  for (const Event& event : events) lines.push_back(encode(event));
  return lines;
}

Target event_target() {
  return {.name = "event", .read = read, .seeds = [](const std::filesystem::path&) { return sample_lines(); }};
}

}  // namespace holdfast::fuzzing
