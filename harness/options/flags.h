// Which flags has each verb? Private to this folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/options.h"

namespace CLI {
class App;
}

namespace holdfast {

/// What the parsed command line comes to; set by the verb that was given.
using Chosen = std::optional<Options>;

// Each adds verbs to `app` that fill in `chosen` when one of them is given. `chosen` outlives the parsing.
void add_run_verbs(CLI::App& app, Chosen& chosen);     ///< run, case
void add_submit_verb(CLI::App& app, Chosen& chosen);   ///< submit
void add_look_verbs(CLI::App& app, Chosen& chosen);    ///< list, check
void add_kernel_verbs(CLI::App& app, Chosen& chosen);  ///< kernel fetch, build, list, rm
void add_lab_verbs(CLI::App& app, Chosen& chosen);     ///< lab status, reserve, release, power, console
void add_bisect_verbs(CLI::App& app, Chosen& chosen);  ///< bisect, bisect-step
void add_series_verbs(CLI::App& app, Chosen& chosen);  ///< series
void add_report_verbs(CLI::App& app, Chosen& chosen);  ///< report html, merge, compare...
/// completion, manual: they tell what all other verbs are, and come last.
void add_shell_verbs(CLI::App& app, const std::string& version, Chosen& chosen);

// Flags that several verbs have.
void add_kernels(CLI::App& verb, KernelOptions& kernels);
void add_machine(CLI::App& verb, MachineOptions& machine);
void add_lab(CLI::App& verb, std::filesystem::path& lab);
void add_case_on_tree(CLI::App& verb, CaseOnTree& what);

}  // namespace holdfast
