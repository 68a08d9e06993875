// Which flags has the verb that tests a patch series?
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/options/describe.h"
#include "harness/options/flags.h"

namespace holdfast {

void add_series_verbs(CLI::App& app, Chosen& chosen) {
  const auto options = std::make_shared<SeriesOptions>();
  CLI::App& verb = *app.add_subcommand("series", "build and test each patch of a series against its base");
  verb.add_option("--tree", options->what.tree, "kernel's git tree; never written into")->required()->type_name("DIR");
  verb.add_option("--base", options->base, "commit to apply it to [what the mails or the range say]")->type_name("REV");
  CLI::Option* mbox =
      verb.add_option("--mbox", options->mbox, "mails as `b4 am` or `git format-patch` leave them")->type_name("FILE");
  verb.add_option("--range", options->range, "commits of the tree instead")->type_name("A..B")->excludes(mbox);
  CLI::Option* tip = verb.add_flag("--tip", options->tip, "only the base and the last patch");
  verb.add_flag_callback("--each", [] {}, "every patch; this is what happens anyway")->excludes(tip)->group(kFurther);
  add_case_on_tree(verb, options->what);
  verb.get_option("--filter")->description("cases, as for `run`");
  verb.add_option("--confirm", options->confirm, "run a case that fails anew so often again, also on the patch before")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str()
      ->group(kFurther);
  verb.add_flag("--keep-kernels", options->keep_kernels, "leave the kernels that it built in the store")
      ->group(kFurther);
  verb.add_option("--junit", options->junit, "write junit.xml here as well")->type_name("FILE")->group(kFurther);
  verb.footer(
      "Exit codes: 0 sound, 1 a case fails or a patch does not apply or build, 2 lab\n"
      "or harness error or bad usage, 3 nothing ran, 4 all skipped, 130 interrupted.\n\n"
      "Examples:\n"
      "  b4 am -o . 20260131-live-v2-0-1f2e3d4c5b6a@example.org\n"
      "  holdfast series --tree ~/linux --base v7.3 --mbox v2_live.mbx\n"
      "  holdfast series --tree ~/linux --range v7.3..mine --filter 'Preserve.*'");
  verb.callback([options, &chosen] { chosen = *options; });
}

}  // namespace holdfast
