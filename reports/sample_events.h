// What events do the tests of reports share?
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/event.h"

namespace holdfast::reports::sample {

inline constexpr const char* kSuite = "qemu/stock..series";

inline Verdict hang() {
  return Verdict::from(kernel_error("hang", "kernel B was silent for 30 s after the kexec")
                           .with("console", "first line\nlast line\n")
                           .because("look for the last message of the old kernel"));
}
inline Verdict vm_killed() { return Verdict::from(lab_error("vm-killed", "QEMU was killed by signal 9")); }
inline Verdict no_handler() { return Verdict::from(cannot("CONFIG_VFIO_PCI_LIVEUPDATE is off")); }

inline Where at(CaseId id, int attempt = 1, std::string target = "qemu") {
  return {.target = std::move(target), .id = std::move(id), .attempt = attempt};
}

inline AttemptEnded attempt(const Where& where, Verdict verdict, int took_ms = 1500) {
  return {.where = where,
          .verdict = std::move(verdict),
          .took = std::chrono::milliseconds(took_ms),
          .properties = {{"boot_id.before", "aaaa"}, {"boot_id.after", "bbbb"}},
          .dir = attempt_dir(where)};
}

/// A case settled from these verdicts, an attempt each.
inline CaseSettled settled(const CaseId& id, const std::vector<Verdict>& verdicts, std::string suite = kSuite) {
  CaseSettled event = {
      .suite = std::move(suite),
      .target = "qemu",
      .id = id,
      .verdict = settle(verdicts),
      .attempts = {},
      .phases = {{"boot", std::chrono::milliseconds(1200)}, {"kexec", std::chrono::milliseconds(1100)}},
      .replay = "holdfast run --filter " + id.key()};
  for (size_t i = 0; i < verdicts.size(); ++i) {
    event.attempts.push_back(attempt(at(id, static_cast<int>(i) + 1), verdicts[i]));
  }
  return event;
}

/// A case that the plan skipped: no attempt was made.
inline CaseSettled planned_skip(const CaseId& id) {
  CaseSettled event = settled(id, {no_handler()});
  event.attempts.clear();
  event.phases.clear();
  return event;
}

inline RunStarted run_started(std::string out_dir) {
  return {.run_id = "k3f9",
          .out_dir = std::move(out_dir),
          .planned = 4,
          .skipped = 1,
          .properties = {{"version", "0.1.0"}, {"accel", "tcg"}}};
}

inline RunEnded run_ended(int exit_code, Tally tally = {}, int took_ms = 72'000) {
  return {.tally = tally,
          .interrupted = exit_code == 130,
          .exit_code = exit_code,
          .took = std::chrono::milliseconds(took_ms)};
}

inline const CaseId kKeeps = {.suite = "Preserve", .name = "DeviceKeepsItsAddress", .device = "e1000e"};
inline const CaseId kMemfd = {.suite = "Luo", .name = "MemfdSurvives", .device = ""};

}  // namespace holdfast::reports::sample
