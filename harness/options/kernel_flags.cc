// Which flags have the verbs of `holdfast kernel`?
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/options/flags.h"

namespace holdfast {

void add_kernel_verbs(CLI::App& app, Chosen& chosen) {
  CLI::App& verb = *app.add_subcommand("kernel", "fetch, build, list and remove test kernels");
  CLI::App& fetch = *verb.add_subcommand(
      "fetch", "download and unpack Debian's newest kernel source that the reference series applies to");
  fetch.footer(
      "Examples:\n"
      "  holdfast kernel fetch && holdfast kernel build");
  fetch.callback([&chosen] { chosen = KernelFetchOptions{}; });
  const auto options = std::make_shared<KernelBuildOptions>();
  CLI::App& build = *verb.add_subcommand("build", "build a test kernel; the tree is never written into");
  build.add_option("--tree", options->tree, "kernel tree, a git checkout or unpacked (default: the fetched one)")
      ->type_name("DIR");
  build
      .add_option("--series", options->series,
                  "patches to apply to a copy: a folder, a patch or an mbox; 'reference', 'faults' or 'none'")
      ->type_name("PATH");
  build.add_option("--config", options->configs, "configuration fragment added to the guest's (repeatable)")
      ->type_name("FRAGMENT");
  build.add_option("--name", options->name, "name to run it by (default: from series and tree)")->type_name("N");
  build.add_option("--jobs", options->jobs, "compilers at once (default: the number of cores)")
      ->check(CLI::Range(1, 1024));
  build.footer(
      "Examples:\n"
      "  holdfast kernel build                     the reference kernel\n"
      "  holdfast kernel build --series faults     that, and switches that break it\n"
      "  holdfast kernel build --series none --name stock\n"
      "  holdfast kernel build --tree ~/linux --name mine");
  build.callback([options, &chosen] { chosen = *options; });

  const auto list = std::make_shared<KernelListOptions>();
  CLI::App& list_verb = *verb.add_subcommand("list", "show the kernels that are there");
  list_verb.add_flag("--json", list->json, "as JSON");
  list_verb.footer(
      "Examples:\n"
      "  holdfast kernel list --json");
  list_verb.callback([list, &chosen] { chosen = *list; });

  const auto remove = std::make_shared<KernelRemoveOptions>();
  CLI::App& remove_verb = *verb.add_subcommand("rm", "remove a kernel");
  remove_verb.add_option("name", remove->name, "its name")->required()->type_name("KERNEL");
  remove_verb.footer(
      "Examples:\n"
      "  holdfast kernel rm mine");
  remove_verb.callback([remove, &chosen] { chosen = *remove; });
  verb.require_subcommand(0, 1);
  verb.footer(
      "Examples:\n"
      "  holdfast kernel build --tree ~/linux --name mine\n"
      "  holdfast kernel list");
}

}  // namespace holdfast
