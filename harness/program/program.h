// What do the verbs of the command line share, and where is each of them?
//
// This folder is the composition root: it alone names what is in lab/, reports/ and fixtures/. Each verb is put
// together here from parts that know nothing of each other.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/options.h"
#include "reports/printer.h"
#include "reports/screen.h"

namespace holdfast {

inline constexpr std::string_view kVersion = "0.1.0";

/// One call of the program.
struct Program {
  std::vector<std::string> argv;
  const Stop& stop;  ///< requested by a signal
  reports::Screen out{STDOUT_FILENO};
  reports::Screen err{STDERR_FILENO};

  /// For work that takes as long as it takes, until the user stops it.
  Deadline patience() const { return Deadline::never(&stop); }
};

/// Text of several lines.
void print_lines(reports::Screen& screen, std::string_view text);

/// Of this computer.
std::string own_host_name();
std::filesystem::path own_path();
/// Of this program itself, as the linker noted it; empty when it did not.
std::string own_build_id();
/// The static agent, built beside the program.
std::filesystem::path agent_path();

// Each verb gives the exit code. An Error is printed by main and ends in exit code 2.
Result<int> run_verb(Program& program, const RunOptions& options);
/// `run --plan`: all runs of a nightly plan, and who is told of them.
Result<int> night_verb(Program& program, const RunOptions& options);
Result<int> submit_verb(Program& program, const SubmitOptions& options);
Result<int> case_verb(Program& program, const CaseOptions& options);
Result<int> list_verb(Program& program, const ListOptions& options);
Result<int> check_verb(Program& program, const CheckOptions& options);
Result<int> kernel_verb(Program& program, const KernelFetchOptions& options);
Result<int> kernel_verb(Program& program, const KernelBuildOptions& options);
Result<int> kernel_verb(Program& program, const KernelListOptions& options);
Result<int> kernel_verb(Program& program, const KernelRemoveOptions& options);
Result<int> lab_verb(Program& program, const LabStatusOptions& options);
Result<int> lab_verb(Program& program, const LabReserveOptions& options);
Result<int> lab_verb(Program& program, const LabReleaseOptions& options);
Result<int> lab_verb(Program& program, const LabPowerOptions& options);
Result<int> lab_verb(Program& program, const LabConsoleOptions& options);
Result<int> report_verb(Program& program, const ReportOptions& options);
Result<int> bisect_verb(Program& program, const BisectOptions& options);
Result<int> series_verb(Program& program, const SeriesOptions& options);
/// Of these, git reads the exit code.
Result<int> bisect_verb(Program& program, const BisectStepOptions& options);

}  // namespace holdfast
