// Which flags have the verbs that only look?
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/options/describe.h"
#include "harness/options/flags.h"

namespace holdfast {

namespace {

void add_cleaning(CLI::App& verb, CheckOptions& check) {
  CLI::Option* clean = verb.add_flag("--clean", check.clean,
                                     "get rid of what runs left that died; with --lab, bring their hosts back, too");
  verb.add_flag("--dry-run", check.dry_run, "say what --clean would do, and touch nothing")->needs(clean);
  verb.add_option("--out", check.out, "folder of the runs, to find those that were cut off")
      ->envname("HOLDFAST_OUT")
      ->type_name("DIR")
      ->capture_default_str()
      ->group(kFurther);
}

}  // namespace

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
  add_cleaning(check_verb, *check);
  check_verb.footer(
      "Examples:\n"
      "  holdfast check --clean            get rid of what dead runs left\n"
      "  holdfast check                    the built-in machine\n"
      "  holdfast check --lab lab.toml --target n07");
  check_verb.callback([check, &chosen] { chosen = *check; });
}

}  // namespace holdfast
