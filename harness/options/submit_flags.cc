// Which flags has `holdfast submit`?
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/options/describe.h"
#include "harness/options/flags.h"

namespace holdfast {
namespace {

void add_what(CLI::App& verb, SubmitOptions& submit) {
  RunOptions& run = submit.run;
  add_lab(verb, run.lab);
  verb.add_option("--plan", submit.plan, "the plan of a night, whose kernels are made first")->type_name("FILE");
  verb.add_option("--target", run.targets, "on this target only (repeatable)")->type_name("T");
  verb.add_option("--filter", run.selection.filter, "patterns joined by ':'; behind ':-' to leave out")
      ->type_name("GLOB")
      ->capture_default_str();
  verb.add_option("--device", run.selection.devices, "use this device only (repeatable)")->type_name("ROLE|BDF");
  verb.add_option("--kernel", submit.kernels, "kernel A, as for `run` (repeatable: all cases with each)")
      ->envname("HOLDFAST_KERNEL")
      ->type_name("K");
  verb.add_option("--next-kernel", run.kernels.next_kernel, "kernel B (default: A again)")
      ->envname("HOLDFAST_NEXT_KERNEL")
      ->type_name("K")
      ->group(kFurther);
  for (const auto& [flag, value, what] :
       {std::tuple{"--append", &run.kernels.append, "words added to kernel A's command line"},
        std::tuple{"--next-append", &run.kernels.next_append, "words added to kernel B's command line"}}) {
    verb.add_option(flag, *value, what)->group(kFurther);
  }
  add_machine(verb, run.machine);
  verb.add_flag("--cold", run.machine.cold, "boot for each case, and use no snapshot")->group(kFurther);
  verb.add_option("--repeat", run.repeat, "run each case so many times; all must pass")
      ->check(CLI::Range(1, 100000))
      ->group(kFurther);
  verb.add_option("--retry-infra", run.retry_infra, "try again so many times after a lab or harness error")
      ->check(CLI::Range(0, 100))
      ->capture_default_str()
      ->group(kFurther);
  verb.add_option("--timeout-scale", run.timeout_scale, "multiplies every deadline, for slow machines")
      ->envname("HOLDFAST_TIMEOUT_SCALE")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str()
      ->group(kFurther);
}

void add_how(CLI::App& verb, SubmitOptions& submit) {
  verb.add_option("--tasks", submit.tasks, "tasks of each array (default: of about 10 minutes each)")
      ->check(CLI::Range(1, 1000));
  verb.add_option("--times", submit.run.times, "an earlier run by whose times tasks are balanced and limited")
      ->type_name("RUN")
      ->group(kFurther);
  verb.add_option("--sbatch", submit.sbatch, "a further word for each sbatch, such as --partition=lab (repeatable)")
      ->type_name("WORD")
      ->group(kFurther);
  verb.add_option("--out", submit.run.out, "folder for the results, the same on all nodes")
      ->envname("HOLDFAST_OUT")
      ->type_name("DIR")
      ->capture_default_str();
  verb.add_flag("--no-wait", submit.no_wait, "submit, and leave the rest to the last job");
  verb.add_flag("--dry-run", submit.run.dry_run, "print the jobs' scripts and submit nothing");
  verb.add_option("--merge", submit.merge, "only put together what that submission's tasks have left by now")
      ->type_name("DIR")
      ->group(kFurther);
}

}  // namespace

void add_submit_verb(CLI::App& app, Chosen& chosen) {
  const auto options = std::make_shared<SubmitOptions>();
  CLI::App& verb = *app.add_subcommand("submit", "run cases on many computers, through Slurm");
  add_what(verb, *options);
  add_how(verb, *options);
  verb.footer(
      "A plan's kernels are made here first: what they can run says which jobs there\n"
      "are, and trees need not be on the nodes. Its budget is for all jobs together.\n"
      "\n"
      "Examples:\n"
      "  holdfast submit --lab lab.toml --kernel mine   hosts by licence, VMs by size\n"
      "  holdfast submit --lab lab.toml --plan night.toml --no-wait\n"
      "  holdfast submit --kernel a --kernel b --tasks 24 --dry-run");
  verb.callback([options, &chosen] { chosen = *options; });
}

}  // namespace holdfast
