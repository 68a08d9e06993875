// What does a failure rest on, to look at?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/event.h"
#include "reports/html/html_writer.h"

namespace holdfast::reports {

/// One line of pci.diff: "0000:01:00.0 BAR0: 0xfda00000 -> 0xfda60000 (detail)".
struct RegisterChange {
  std::string address;
  std::string name;
  std::string before;
  std::string after;    ///< with the detail
  std::string allowed;  ///< the reason; empty: it must not change
};

/// The changes in a pci.diff, forbidden ones first, as the file has them. Lines that are none are left out.
std::vector<RegisterChange> parse_pci_diff(std::string_view text);

/// The part of a console around the last place where `line` stands: some lines before it, more after it. Nothing when
/// it is not there.
struct ConsoleSlice {
  std::string before;
  std::string line;
  std::string after;
};
std::optional<ConsoleSlice> console_around(std::string_view console, std::string_view line);

/// Writes the evidence of one attempt: what the verdict carries, and from the attempt's folder the difference of config
/// space and the console around the crash, where the verdict has them not.
void write_evidence(HtmlWriter& html, const AttemptEnded& attempt, const std::filesystem::path& run_dir);

}  // namespace holdfast::reports
