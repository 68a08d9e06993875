// What did the user ask for? CLI11 reads the command line; its own errors are replaced by ours, which name the nearest
// flag.
#include "harness/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "harness/base/text.h"

namespace holdfast {
namespace {

constexpr const char* kVersion = "holdfast 0.1.0";

/// What stands before a lone `--`, and what behind it.
struct Words {
  std::vector<std::string> ours;
  std::vector<std::string> gtest;
};

Words split_words(int argc, const char* const* argv) {
  Words words;
  bool behind = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!behind && word == "--") {
      behind = true;
    } else {
      (behind ? words.gtest : words.ours).push_back(word);
    }
  }
  return words;
}

void add_kernels(CLI::App& verb, KernelOptions& kernels) {
  verb.add_option("--kernel", kernels.kernel, "kernel A: a name from `holdfast kernel list` or a path to a bzImage")
      ->envname("HOLDFAST_KERNEL")
      ->type_name("K");
  verb.add_option("--next-kernel", kernels.next_kernel, "kernel B, the one kexec'ed to (default: kernel A again)")
      ->envname("HOLDFAST_NEXT_KERNEL")
      ->type_name("K");
  verb.add_option("--modules", kernels.modules, "folder with kernel A's modules, when vfio is not built in")
      ->type_name("DIR");
  verb.add_option("--append", kernels.append, "words added to kernel A's command line")->type_name("ARGS");
  verb.add_option("--next-append", kernels.next_append, "words added to kernel B's command line")->type_name("ARGS");
}

void add_machine(CLI::App& verb, MachineOptions& machine) {
  verb.add_option("--accel", machine.accel, "auto (KVM if it proves to work, else TCG), kvm or tcg")
      ->envname("HOLDFAST_ACCEL")
      ->check(CLI::IsMember({"auto", "kvm", "tcg"}))
      ->capture_default_str();
  verb.add_option("--memory", machine.memory_mib, "the virtual machine's memory in MiB")
      ->envname("HOLDFAST_MEMORY")
      ->check(CLI::Range(256, 1 << 20))
      ->capture_default_str();
  verb.add_option("--cpus", machine.cpus, "the virtual machine's CPUs")
      ->envname("HOLDFAST_CPUS")
      ->check(CLI::Range(1, 255))
      ->capture_default_str();
}

void add_lab(CLI::App& verb, std::filesystem::path& lab) {
  verb.add_option("--lab", lab, "the lab's inventory (TOML): known warnings that fail no case")
      ->envname("HOLDFAST_LAB")
      ->type_name("FILE");
}

void add_scale(CLI::App& verb, double& scale) {
  verb.add_option("--timeout-scale", scale, "multiplies every deadline, for slow machines")
      ->envname("HOLDFAST_TIMEOUT_SCALE")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str();
}

/// Everything that parsing fills in.
struct Parsed {
  RunOptions run;
  CaseOptions one_case;
  ListOptions list;
  CheckOptions check;
  KernelBuildOptions build;
  KernelListOptions kernel_list;
  KernelRemoveOptions kernel_remove;
  bool quiet = false;
  bool verbose = false;
};

void add_run(CLI::App& app, Parsed& parsed) {
  RunOptions& run = parsed.run;
  CLI::App& verb = *app.add_subcommand("run", "run cases and report");
  add_lab(verb, run.lab);
  verb.add_option("--target", run.targets, "run on this target only (repeatable)")->type_name("T");
  verb.add_option("--filter", run.selection.filter, "cases: patterns joined by ':', those to leave out behind ':-'")
      ->type_name("GLOB")
      ->capture_default_str();
  verb.add_option("--device", run.selection.devices, "use this device only (repeatable)")->type_name("ROLE|BDF");
  add_kernels(verb, run.kernels);
  add_machine(verb, run.machine);
  verb.add_option("--repeat", run.repeat, "run each case so many times; all must pass")->check(CLI::Range(1, 100000));
  verb.add_option("--jobs", run.jobs, "cases at once (default: from cores and memory)")->check(CLI::Range(1, 1024));
  verb.add_option("--retry-infra", run.retry_infra, "try again so many times after a lab or harness error")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  verb.add_flag("--failfast", run.failfast, "start no further case after a kernel failure");
  add_scale(verb, run.timeout_scale);
  verb.add_option("--out", run.out, "folder for the results of all runs")
      ->envname("HOLDFAST_OUT")
      ->type_name("DIR")
      ->capture_default_str();
  verb.add_option("--junit", run.junit, "write junit.xml here as well")->type_name("FILE");
  verb.add_flag("--dry-run", run.dry_run, "show the plan and touch nothing");
  verb.add_flag("-q,--quiet", parsed.quiet, "print failures and the summary only");
  verb.add_flag("-v,--verbose", parsed.verbose, "print phases as they begin and end")->excludes("--quiet");
  verb.footer(
      "Examples:\n"
      "  holdfast run                                   every case on the built-in machine\n"
      "  holdfast run --filter 'Preserve.*' --device e1000e -v\n"
      "  holdfast run --kernel arch/x86/boot/bzImage    your kernel\n"
      "  holdfast run --repeat 20 --failfast -- --gtest_color=no");
}

void add_case(CLI::App& app, Parsed& parsed) {
  CaseOptions& one = parsed.one_case;
  CLI::App& verb = *app.add_subcommand("case", "run one case in this process (started by `run`)");
  verb.group("");  // not for people: not in the list of verbs
  verb.add_option("--target", one.target)->required();
  verb.add_option("--case", one.case_name)->required();
  verb.add_option("--device", one.devices);
  verb.add_option("--attempt", one.attempt);
  verb.add_option("--events-fd", one.events_fd)->required();
  verb.add_option("--run-dir", one.run_dir)->required();
  add_lab(verb, one.lab);
  add_scale(verb, one.timeout_scale);
  verb.add_option("--other-kernel", one.other_kernels);
  add_kernels(verb, one.kernels);
  add_machine(verb, one.machine);
}

void add_small_verbs(CLI::App& app, Parsed& parsed) {
  CLI::App& list = *app.add_subcommand("list", "show cases, targets, devices or kernels");
  list.add_option("what", parsed.list.what, "cases, targets, devices or kernels")->required();
  list.add_flag("--json", parsed.list.json, "as JSON");
  CLI::App& check = *app.add_subcommand("check", "say what is missing for a run, and the command that mends it");
  check.add_option("--target", parsed.check.targets, "look at this target only (repeatable)")->type_name("T");
  add_kernels(check, parsed.check.kernels);
  add_machine(check, parsed.check.machine);
}

void add_kernel(CLI::App& app, Parsed& parsed) {
  CLI::App& verb = *app.add_subcommand("kernel", "fetch, build, list and remove test kernels");
  verb.add_subcommand("fetch",
                      "download and unpack Debian's newest kernel source that the reference series applies to");
  CLI::App& build = *verb.add_subcommand("build", "build a test kernel; the tree is never written into");
  build.add_option("--tree", parsed.build.tree, "kernel tree, a git checkout or unpacked (default: the fetched one)")
      ->type_name("DIR");
  build
      .add_option("--series", parsed.build.series,
                  "patches to apply to a copy: a folder, a patch or an mbox; 'reference', 'faults' or 'none'")
      ->type_name("PATH");
  build.add_option("--config", parsed.build.configs, "configuration fragment added to the guest's (repeatable)")
      ->type_name("FRAGMENT");
  build.add_option("--name", parsed.build.name, "name to run it by (default: from series and tree)")->type_name("N");
  build.add_option("--jobs", parsed.build.jobs, "compilers at once (default: the number of cores)")
      ->check(CLI::Range(1, 1024));
  build.footer(
      "Examples:\n"
      "  holdfast kernel build                          the reference kernel\n"
      "  holdfast kernel build --series faults          that and the switches that break it (liveupdate_fault=NAME)\n"
      "  holdfast kernel build --series none --name stock\n"
      "  holdfast kernel build --tree ~/linux --name mine && holdfast run --kernel mine");
  verb.add_subcommand("list", "show the kernels that are there")
      ->add_flag("--json", parsed.kernel_list.json, "as JSON");
  verb.add_subcommand("rm", "remove a kernel")->add_option("name", parsed.kernel_remove.name, "its name")->required();
  verb.require_subcommand(0, 1);
}

std::vector<std::string> flags_of(const CLI::App& verb) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App* v) { return !v->get_group().empty(); })) {
    verbs.push_back(verb->get_name());
  }
  return verbs;
}

/// The verb that was given, as deep as it goes.
const CLI::App& innermost(const CLI::App& app) {
  const auto given = app.get_subcommands();
  return given.empty() ? app : innermost(*given.front());
}

/// "holdfast kernel build": what a user types to get to the verb.
std::string path_to(const CLI::App& verb) {
  return verb.get_parent() == nullptr ? verb.get_name() : path_to(*verb.get_parent()) + " " + verb.get_name();
}

std::string help_of(const CLI::App& verb) {
  return verb.help(verb.get_parent() == nullptr ? "" : path_to(*verb.get_parent()));
}

Error unknown_word(const CLI::App& verb, const std::string& word) {
  const bool is_flag = word.starts_with("-");
  const std::string name = is_flag ? word.substr(0, word.find('=')) : word;
  const auto known = is_flag ? flags_of(verb) : verbs_of(verb);
  Error error = usage_error(fmt::format("unknown {} '{}'", is_flag ? "flag" : "word", name));
  if (const auto close = nearest(name, known)) error.what += fmt::format("; did you mean '{}'?", *close);
  return std::move(error).because(fmt::format("`{} --help` shows what there is", path_to(verb)));
}

Options chosen(const CLI::App& app, Parsed parsed, std::vector<std::string> gtest_args) {
  const CLI::App& verb = innermost(app);
  const std::string& name = verb.get_name();
  const bool of_kernel = verb.get_parent() != nullptr && verb.get_parent()->get_name() == "kernel";
  if (of_kernel && name == "fetch") return KernelFetchOptions{};
  if (of_kernel && name == "build") return std::move(parsed.build);
  if (of_kernel && name == "list") return parsed.kernel_list;
  if (of_kernel && name == "rm") return std::move(parsed.kernel_remove);
  if (name == "run") {
    if (parsed.quiet) parsed.run.verbosity = Verbosity::kQuiet;
    if (parsed.verbose) parsed.run.verbosity = Verbosity::kVerbose;
    parsed.run.gtest_args = std::move(gtest_args);
    return std::move(parsed.run);
  }
  if (name == "case") {
    parsed.one_case.gtest_args = std::move(gtest_args);
    return std::move(parsed.one_case);
  }
  if (name == "list") return std::move(parsed.list);
  if (name == "check") return std::move(parsed.check);
  return JustPrint{help_of(verb)};
}

}  // namespace

Result<Options> parse_options(int argc, const char* const* argv) {
  Words words = split_words(argc, argv);
  CLI::App app("Does a PCI device in use survive a kexec untouched?", "holdfast");
  app.set_version_flag("--version", kVersion);
  app.footer(
      "`holdfast VERB --help` shows more. Exit codes: 0 passed, 1 a kernel failure, 2 lab or harness error or bad\n"
      "usage, 3 nothing ran, 4 everything skipped, 130 interrupted.");
  Parsed parsed;
  add_run(app, parsed);
  add_case(app, parsed);
  add_small_verbs(app, parsed);
  add_kernel(app, parsed);
  for (CLI::App* verb : app.get_subcommands({})) {
    verb->allow_extras();
    for (CLI::App* inner : verb->get_subcommands({})) inner->allow_extras();
  }
  app.allow_extras();
  try {
    std::vector<std::string> reversed(words.ours.rbegin(), words.ours.rend());  // as CLI11 wants them
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return Options(JustPrint{help_of(innermost(app))});
  } catch (const CLI::CallForVersion&) {
    return Options(JustPrint{std::string(kVersion) + "\n"});
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what()).because("`holdfast --help` and `holdfast VERB --help` show how it goes");
  }
  const CLI::App& verb = innermost(app);
  for (const CLI::App* level = &verb; level != nullptr; level = level->get_parent()) {
    if (const auto extras = level->remaining(); !extras.empty()) return unknown_word(*level, extras.front());
  }
  return chosen(app, std::move(parsed), std::move(words.gtest));
}

std::vector<std::string> to_argv(const KernelOptions& kernels, const MachineOptions& machine) {
  std::vector<std::string> argv;
  const auto add = [&](const std::string& flag, const std::string& value) {
    if (!value.empty()) argv.push_back(fmt::format("{}={}", flag, value));
  };
  add("--kernel", kernels.kernel);
  add("--next-kernel", kernels.next_kernel);
  add("--modules", kernels.modules.string());
  add("--append", kernels.append);
  add("--next-append", kernels.next_append);
  const MachineOptions usual;
  if (machine.accel != usual.accel) add("--accel", machine.accel);
  if (machine.memory_mib != usual.memory_mib) add("--memory", std::to_string(machine.memory_mib));
  if (machine.cpus != usual.cpus) add("--cpus", std::to_string(machine.cpus));
  return argv;
}

}  // namespace holdfast
