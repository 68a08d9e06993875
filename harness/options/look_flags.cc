// Which flags have the verbs that only look?
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/options/describe.h"
#include "harness/options/flags.h"

namespace holdfast {

void add_look_verbs(CLI::App& app, Chosen& chosen) {
  const auto list = std::make_shared<ListOptions>();
  CLI::App& list_verb = *app.add_subcommand("list", "show cases, targets, devices or kernels");
  list_verb.add_option("what", list->what, "what to list")->required()->type_name("{cases,targets,devices,kernels}");
  list_verb.add_flag("--json", list->json, "as JSON");
  list_verb.add_flag("--local", list->local,
                     "this machine's own PCI devices, and whether each can be passed through to a guest");
  list_verb.add_flag("--names", list->names, "names alone, a line each, as shells complete them")
      ->excludes("--json")
      ->group(kFurther);
  add_lab(list_verb, list->lab);
  list_verb.footer(
      "Examples:\n"
      "  holdfast list cases\n"
      "  holdfast list devices --local     of this computer, for passthrough");
  list_verb.callback([list, &chosen] { chosen = *list; });

  const auto check = std::make_shared<CheckOptions>();
  CLI::App& check_verb = *app.add_subcommand("check", "say what is missing for a run, and what mends it");
  check_verb.add_option("--target", check->targets, "look at this target only (repeatable)")->type_name("T");
  add_lab(check_verb, check->lab);
  add_kernels(check_verb, check->kernels);
  add_machine(check_verb, check->machine);
  check_verb.footer(
      "Examples:\n"
      "  holdfast check                    the built-in machine\n"
      "  holdfast check --lab lab.toml --target n07");
  check_verb.callback([check, &chosen] { chosen = *check; });
}

}  // namespace holdfast
