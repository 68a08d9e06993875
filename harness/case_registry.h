// Which cases are there, and what does each need?
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/event.h"
#include "harness/level.h"
#include "harness/other_kernel.h"

namespace holdfast {

class Scenario;

/// Which of a target's devices a case wants.
struct DeviceNeed {
  enum class Pick {
    kNone,   ///< the case is about no single device: it runs once
    kOne,    ///< any device with the traits: it runs once, with the first one
    kEvery,  ///< it runs once for each device with the traits
  };
  Pick pick = Pick::kNone;
  std::vector<std::string> traits = {};
  size_t count = 1;  ///< devices for one run (kOne only)
};

/// What must be there for a case to be run; anything missing makes it skipped, with that as the reason.
struct Needs {
  Level level = Level::kKexec;
  DeviceNeed devices = {};
  std::vector<std::string> target_traits = {};  ///< "emulated", "bus-numbers-can-move", "hot-plug"...
  std::vector<SymbolNeed> symbols = {};         ///< what kernel A must have been built with, beyond the level's own
  std::optional<OtherKernel> other_kernel = {};
  std::chrono::seconds timeout{120};  ///< for the whole case on a target of time scale 1, before it is killed as hung
};

inline DeviceNeed one_device(std::vector<std::string> traits = {}) {
  return {.pick = DeviceNeed::Pick::kOne, .traits = std::move(traits), .count = 1};
}
inline DeviceNeed several_devices(size_t count, std::vector<std::string> traits = {}) {
  return {.pick = DeviceNeed::Pick::kOne, .traits = std::move(traits), .count = count};
}
inline DeviceNeed every_device(std::vector<std::string> traits = {}) {
  return {.pick = DeviceNeed::Pick::kEvery, .traits = std::move(traits), .count = 1};
}

/// A case as it was registered.
struct CaseInfo {
  std::string suite;
  std::string name;
  std::string promise;  ///< one sentence: what must hold
  Needs needs;
  const char* file = "";
  int line = 0;
  void (*body)(Scenario&) = nullptr;

  std::string full_name() const { return suite + "." + name; }
};

/// All cases, in the order of suite and name. Filled before main by HOLDFAST_CASE (fixtures/case.h).
const std::vector<CaseInfo>& all_cases();
const CaseInfo* find_case(std::string_view full_name);

/// Registers a case. A name that is there twice stops the program: reports need it to be unique.
bool register_case(CaseInfo info);

}  // namespace holdfast
