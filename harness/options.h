// What did the user ask for?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/base/result.h"
#include "harness/options/bisect_options.h"
#include "harness/options/lab_options.h"
#include "harness/options/report_options.h"
#include "harness/options/series_options.h"
#include "harness/plan.h"
#include "harness/shard.h"

namespace holdfast {

/// How the built-in virtual machine is made.
struct MachineOptions {
  std::string accel = "auto";  ///< auto, kvm or tcg
  int memory_mib = 512;
  int cpus = 1;
  bool cold = false;  ///< boots for each case; else it goes on from a snapshot where it can
};

/// Which kernels play A and B; names of `holdfast kernel list` or paths to a bzImage.
struct KernelOptions {
  std::string kernel;       ///< empty: the reference kernel
  std::string next_kernel;  ///< empty: the same as `kernel`
  std::filesystem::path modules;
  std::string append;
  std::string next_append;
  bool operator==(const KernelOptions&) const = default;
};

enum class Verbosity { kQuiet, kNormal, kVerbose };

struct RunOptions {
  std::vector<std::string> targets;
  Selection selection;
  std::filesystem::path lab;  ///< the inventory, or empty
  KernelOptions kernels;
  MachineOptions machine;
  int repeat = 1;
  int jobs = 0;  ///< 0: as many as cores and memory allow
  int retry_infra = 0;
  int soak = 0;                     ///< live updates in a row in each case of the suite Soak; 0: the usual number
  std::filesystem::path plan = {};  ///< of a night, or empty
  std::vector<std::string> until =
      {};  ///< ends then: a time, or a span from its begin. Of this call: a resumed run has none
  bool failfast = false;
  bool force = false;  ///< takes devices of this machine that are in use
  double timeout_scale = 1.0;
  std::optional<Shard> shard;          ///< run this part of the plan only
  std::filesystem::path times;         ///< a run that says what cases take, to deal shards by; or empty
  std::filesystem::path continue_dir;  ///< the run's folder, to go on in what another left there; or empty
  std::string resume = {};             ///< go on with this run, with its own settings: a folder, or one in `out`
  bool resumed = false;                ///< these are the settings of the run in `continue_dir`
  bool rerun_interrupted = false;      ///< also on real machines
  bool accept_changes = false;         ///< goes on though kernels, program or plan are others now
  std::filesystem::path out = "out";
  std::filesystem::path junit;  ///< a further copy of junit.xml, or empty
  std::string junit_dialect = "strict";
  bool ktap = false;  ///< on standard output, instead of text for people
  bool dry_run = false;
  Verbosity verbosity = Verbosity::kNormal;
  std::vector<std::string> gtest_args;  ///< what stood behind `--`
};

/// `holdfast submit`: what `run` would do, as jobs of Slurm.
struct SubmitOptions {
  RunOptions run;
  std::filesystem::path plan;        ///< of a night, or empty
  std::vector<std::string> kernels;  ///< each with all targets and cases; empty: as `run` chooses
  int tasks = 0;                     ///< of each array; 0: as many as the expected times ask for
  std::vector<std::string> sbatch;   ///< further words for each sbatch
  bool no_wait = false;
  std::filesystem::path merge;  ///< put together what this submission's tasks left, and nothing else
};

/// The process of one case; started by the run, not by people.
struct CaseOptions {
  std::string target;
  std::string case_name;
  std::vector<std::string> devices;
  int attempt = 1;
  bool several_targets = false;  ///< in the run: its results are kept apart by target
  int events_fd = -1;
  std::filesystem::path run_dir;
  std::filesystem::path lab;  ///< the inventory, or empty
  double timeout_scale = 1.0;
  int soak = 0;  ///< 0: the usual number of live updates in a row
  KernelOptions kernels;
  std::vector<std::string> other_kernels;  ///< "NAME=PATH"
  std::filesystem::path console_socket;    ///< of a host's console; empty: there is none, or it is a virtual machine
  std::filesystem::path runtime_dir;       ///< for sockets and keys, when it is a host
  std::filesystem::path lease_file;        ///< which must still have `lease_token`
  uint64_t lease_token = 0;
  std::string passed;  ///< addresses of the devices of this machine that were taken for it, with commas
  MachineOptions machine;
  std::vector<std::string> gtest_args;
};

struct ListOptions {
  std::string what;  ///< cases, targets, devices or kernels
  bool json = false;
  std::filesystem::path lab = {};  ///< the inventory, or empty
  bool local = false;              ///< of devices: those of the harness's own machine
  bool names = false;              ///< names alone, a line each
};

struct CheckOptions {
  std::vector<std::string> targets;
  std::filesystem::path lab;          ///< the inventory, or empty
  bool clean = false;                 ///< get rid of what dead runs left, and do nothing else
  bool dry_run = false;               ///< say what that would be
  std::filesystem::path out = "out";  ///< where runs are
  KernelOptions kernels;
  MachineOptions machine;
};

struct KernelFetchOptions {};
struct KernelBuildOptions {
  std::filesystem::path tree;                  ///< empty: the fetched one, with the reference series
  std::string series;                          ///< a path, "reference", "faults", "none", or empty: as the tree wants
  std::vector<std::filesystem::path> configs;  ///< added to the guest's own fragment
  std::string name;
  int jobs = 0;  ///< 0: the number of cores
};
struct KernelListOptions {
  bool json = false;
};
struct KernelRemoveOptions {
  std::string name;
};

/// Nothing is to be done but to print this.
struct JustPrint {
  std::string text;
};

using Options = std::variant<JustPrint, RunOptions, CaseOptions, ListOptions, CheckOptions, KernelFetchOptions,
                             KernelBuildOptions, KernelListOptions, KernelRemoveOptions, LabStatusOptions,
                             LabReserveOptions, LabReleaseOptions, LabPowerOptions, LabConsoleOptions, ReportOptions,
                             BisectOptions, BisectStepOptions, SeriesOptions, SubmitOptions>;

/// Flags beat the environment (HOLDFAST_OUT, HOLDFAST_ACCEL...). Errors: harness.usage naming the nearest verb or flag.
Result<Options> parse_options(int argc, const char* const* argv);

/// The words that make `holdfast run` or `holdfast case` choose these kernels and this machine again.
std::vector<std::string> to_argv(const KernelOptions& kernels, const MachineOptions& machine);

}  // namespace holdfast
