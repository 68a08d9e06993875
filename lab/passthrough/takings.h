// Which devices has a harness taken from this machine, and what were they before?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "lab/lease/owner.h"
#include "lab/passthrough/binding.h"

namespace holdfast::lab {

/// One file in the takings folder: written and synced before the first change, removed after the last one was undone.
struct Taking {
  std::filesystem::path file;
  Owner owner;
  std::vector<TakenFunction> functions;
};

/// The folder of all takings, in state_dir() (harness/kernel/data_dir.h). Errors: as it.
Result<std::filesystem::path> takings_folder();

/// Writes `taking.file` in one step.
Result<void> write_taking(const Taking& taking);
/// All that are there; none when there is no folder. Errors: lab.io; lab.passthrough for a file that says nothing.
Result<std::vector<Taking>> read_takings(const std::filesystem::path& folder);

/// Whether its owner died and left it for another one to give back.
bool is_left_over(const Taking& taking, const Owner& self);
/// Of this machine before it started anew: its kernel has forgotten what was taken.
bool before_restart(const Owner& owner, const Owner& self);

}  // namespace holdfast::lab
