// Which flags have the verbs that search for a commit?
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/options/describe.h"
#include "harness/options/flags.h"

namespace holdfast {

void add_case_on_tree(CLI::App& verb, CaseOnTree& what) {
  verb.add_option("--filter", what.filter, "cases, as for `run`; best a single one")
      ->type_name("GLOB")
      ->capture_default_str();
  verb.add_option("--config", what.configs, "configuration fragment added to the guest's (repeatable)")
      ->type_name("FRAGMENT");
  verb.add_option("--jobs", what.jobs, "compilers at once (default: the number of cores)")
      ->check(CLI::Range(1, 1024))
      ->group(kFurther);
  add_lab(verb, what.lab);
  verb.add_option("--target", what.target, "run on this target (default: as for `run`)")->type_name("T");
  for (const char* flag : {"--append", "--next-append", "--next-kernel", "--accel", "--timeout-scale", "--device"}) {
    verb.add_option_function<std::string>(
            flag, [&what, flag](const std::string& value) { what.words.push_back(std::string(flag) + "=" + value); },
            "as for `run`")
        ->group(kFurther);
  }
  verb.add_option("--out", what.out, "folder for the results")
      ->envname("HOLDFAST_OUT")
      ->type_name("DIR")
      ->capture_default_str();
}

namespace {

void add_bisect(CLI::App& app, Chosen& chosen) {
  const auto options = std::make_shared<BisectOptions>();
  CLI::App& verb = *app.add_subcommand("bisect", "find the commit that broke a case, even now and then");
  verb.add_option("--tree", options->what.tree, "kernel's git tree; never written into")->required()->type_name("DIR");
  verb.add_option("--good", options->good, "a commit where the case passes")->required()->type_name("REV");
  verb.add_option("--bad", options->bad, "a later one where it fails")->required()->type_name("REV");
  add_case_on_tree(verb, options->what);
  verb.add_option("--runs", options->most_runs, "give up after so many runs in all")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  verb.add_option("--confidence", options->confidence, "name a commit when it is as likely as this")
      ->check(CLI::Range(0.5, 0.9999))
      ->capture_default_str();
  verb.add_flag("--resume", options->resume, "go on where the same bisection was interrupted");
  verb.add_flag("--keep-kernels", options->keep_kernels, "leave the kernels that it built in the store")
      ->group(kFurther);
  verb.add_option("--junit", options->junit, "write junit.xml here as well")->type_name("FILE")->group(kFurther);
  verb.footer(
      "Exit codes: 0 a commit is named, 1 none is, 2 lab or harness error or bad\n"
      "usage, 4 only commits that cannot be tested are left, 130 interrupted.\n\n"
      "Examples:\n"
      "  holdfast bisect --tree ~/linux --good v7.2 --bad v7.3 \\\n"
      "    --filter 'Preserve.DeviceKeepsItsAddress/e1000e'");
  verb.callback([options, &chosen] { chosen = *options; });
}

void add_step(CLI::App& app, Chosen& chosen) {
  const auto options = std::make_shared<BisectStepOptions>();
  CLI::App& verb = *app.add_subcommand("bisect-step", "a step for `git bisect run`: build, and run a case");
  options->what.tree = ".";
  verb.add_option("--tree", options->what.tree, "kernel tree; never written into")
      ->type_name("DIR")
      ->capture_default_str();
  add_case_on_tree(verb, options->what);
  verb.add_option("--runs", options->runs, "run it so often; one failure makes the commit bad")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  verb.add_option("--type", options->type, "only this failure counts, such as kernel.oops; others skip the commit")
      ->type_name("TYPE");
  verb.footer(
      "Exit codes, as git wants them: 0 good, 1 bad, 125 this commit cannot be tested,\n"
      "128 the bisection must stop.\n\n"
      "Examples:\n"
      "  git bisect run holdfast bisect-step --filter 'Retrieve.*/e1000e'");
  verb.callback([options, &chosen] { chosen = *options; });
}

}  // namespace

void add_bisect_verbs(CLI::App& app, Chosen& chosen) {
  add_bisect(app, chosen);
  add_step(app, chosen);
}

}  // namespace holdfast
