// What reads bytes that others wrote, and so must bear any?
//
// Each file *_target.cc has one reader. libfuzzer.cc gives them to libFuzzer (tools/fuzz), replay_test.cc feeds them
// what was found before, and mutations of real files, in the ordinary unit tests.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::fuzzing {

struct Target {
  std::string_view name;  ///< also of the folder regressions/<name>
  /// Reads the bytes. Returns whatever they are; aborts where a promise of the reader is broken.
  void (*read)(std::string_view bytes);
  /// Real ones, from the source tree at `tree` or made by this program's own writers.
  std::vector<std::string> (*seeds)(const std::filesystem::path& tree);
  size_t longest = size_t{1} << 15;  ///< longer inputs take time and find nothing more
};

/// All readers.
std::span<const Target> targets();
/// Readers that are broken on purpose: one crashes, one hangs, one keeps what it should let go. Who looks for faults
/// must find these.
std::span<const Target> controls();
/// Of either kind; null when there is none of that name.
const Target* find_target(std::string_view name);

/// A promise that a reader makes is broken: says which, and aborts.
[[noreturn]] void broken(std::string_view promise);
inline void promise(bool kept, std::string_view what) {
  if (!kept) broken(what);
}

/// The files in `folder` whose names end with `ending`, read, in the order of their names. Stops the program when there
/// is none: seeds that are gone would not be missed otherwise.
std::vector<std::string> files_in(const std::filesystem::path& folder, std::string_view ending);

/// An event of each kind, as the lines of a journal without their times.
std::vector<std::string> sample_lines();

Target inventory_target();
Target wire_agent_target();
Target wire_controller_target();
Target qmp_target();
Target console_target();
Target pci_config_target();
Target pci_text_target();
Target journal_target();
Target junit_target();
Target mailbox_target();
Target event_target();
Target roll_call_target();

}  // namespace holdfast::fuzzing
