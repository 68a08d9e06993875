// What did the user ask for? CLI11 reads the command line; its own errors are replaced by ours, which name the nearest
// flag.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "harness/base/text.h"
#include "harness/options.h"
#include "harness/options/describe.h"
#include "harness/options/flags.h"

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

std::vector<std::string> flag_names_of(const CLI::App& verb) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

std::vector<std::string> verb_names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : verbs_of(app)) names.push_back(verb->get_name());
  return names;
}

/// The verb that was given, as deep as it goes.
const CLI::App& innermost(const CLI::App& app) {
  const auto given = app.get_subcommands();
  return given.empty() ? app : innermost(*given.front());
}

Error unknown_word(const CLI::App& verb, const std::string& word) {
  const bool is_flag = word.starts_with("-");
  const std::string name = is_flag ? word.substr(0, word.find('=')) : word;
  const auto known = is_flag ? flag_names_of(verb) : verb_names_of(verb);
  Error error = usage_error(fmt::format("unknown {} '{}'", is_flag ? "flag" : "word", name));
  if (const auto close = nearest(name, known)) error.what += fmt::format("; did you mean '{}'?", *close);
  return std::move(error).because(fmt::format("`{} --help` shows what there is", path_to(verb)));
}

}  // namespace

Result<Options> parse_options(int argc, const char* const* argv) {
  Words words = split_words(argc, argv);
  CLI::App app("Does a PCI device in use survive a kexec untouched?", "holdfast");
  app.set_version_flag("--version", kVersion);
  app.set_help_all_flag("--help-all", "the same with all flags");
  Chosen chosen;
  add_run_verbs(app, chosen);
  add_submit_verb(app, chosen);
  add_look_verbs(app, chosen);
  add_kernel_verbs(app, chosen);
  add_lab_verbs(app, chosen);
  add_report_verbs(app, chosen);
  add_bisect_verbs(app, chosen);
  add_series_verbs(app, chosen);
  add_shell_verbs(app, kVersion, chosen);
  app.footer(
      "`holdfast VERB --help` shows more. Exit codes: 0 passed, 1 a kernel failure,\n"
      "2 lab, harness or usage error, 3 nothing ran, 4 all skipped, 130 interrupted.\n\n"
      "Examples:\n"
      "  holdfast check     what is missing here\n"
      "  holdfast run       every case on the built-in machine");
  for (CLI::App* verb : app.get_subcommands({})) {
    verb->allow_extras();
    for (CLI::App* inner : verb->get_subcommands({})) inner->allow_extras();
  }
  app.allow_extras();
  try {
    std::vector<std::string> reversed(words.ours.rbegin(), words.ours.rend());  // as CLI11 wants them
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return Options(JustPrint{help_of(innermost(app), /*whole=*/false)});
  } catch (const CLI::CallForAllHelp&) {
    return Options(JustPrint{help_of(innermost(app), /*whole=*/true)});
  } catch (const CLI::CallForVersion&) {
    return Options(JustPrint{std::string(kVersion) + "\n"});
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what()).because("`holdfast --help` and `holdfast VERB --help` show how it goes");
  }
  const CLI::App& verb = innermost(app);
  for (const CLI::App* level = &verb; level != nullptr; level = level->get_parent()) {
    if (const auto extras = level->remaining(); !extras.empty()) return unknown_word(*level, extras.front());
  }
  if (!chosen) return Options(JustPrint{help_of(verb, /*whole=*/false)});
  if (auto* run = std::get_if<RunOptions>(&*chosen)) run->gtest_args = std::move(words.gtest);
  if (auto* one = std::get_if<CaseOptions>(&*chosen)) one->gtest_args = std::move(words.gtest);
  return *std::move(chosen);
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
  if (machine.cold) argv.emplace_back("--cold");
  return argv;
}

}  // namespace holdfast
