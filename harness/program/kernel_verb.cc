// What do the verbs of `holdfast kernel` print?
#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/program/program.h"

namespace holdfast {
namespace {

ProgressSink show_in(reports::Progress& progress) {
  return [&progress](const Progress& now) {
    std::string state = now.step;
    if (!now.detail.empty()) state += " " + now.detail;
    if (now.total > 0) state += fmt::format(" {} %", std::min<uint64_t>(100, now.done * 100 / now.total));
    progress.update(state);
  };
}

}  // namespace

Result<int> kernel_verb(Program& program, const KernelFetchOptions&) {
  reports::Progress progress(program.out, "kernel fetch");
  const FetchedSource source = TRY(kernel::fetch({}, program.patience(), show_in(progress)));
  for (const std::string& note : source.notes) program.out.line("note: " + note);
  progress.done(fmt::format("{}: {} ({})", source.downloaded ? "unpacked" : "was there", source.describe(),
                            source.tree.string()));
  return 0;
}

Result<int> kernel_verb(Program& program, const KernelBuildOptions& options) {
  reports::Progress progress(program.out, "kernel build");
  const kernel::BuildOptions wanted{.cache = {},
                                    .tree = options.tree,
                                    .series = options.series,
                                    .config = options.configs,
                                    .name = options.name,
                                    .jobs = static_cast<unsigned>(options.jobs)};
  const kernel::Built built = TRY(kernel::build(wanted, program.patience(), show_in(progress)));
  for (const std::string& note : built.notes) program.out.line("note: " + note);
  progress.done(fmt::format("{}: {} {} ({})", built.built ? "built" : "was there", join(built.kernel.names, ","),
                            built.kernel.release, built.kernel.image().string()));
  return 0;
}

Result<int> kernel_verb(Program& program, const KernelListOptions& options) {
  return list_verb(program, {.what = "kernels", .json = options.json, .lab = {}});
}

Result<int> kernel_verb(Program& program, const KernelRemoveOptions& options) {
  const StoredKernel gone = TRY(kernel::rm(options.name));
  program.out.line(fmt::format("removed {} ({})", options.name, gone.release));
  return 0;
}

}  // namespace holdfast
