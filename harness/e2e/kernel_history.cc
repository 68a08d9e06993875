// What kernel histories do the end-to-end tests of the bisection have?
#include "harness/e2e/kernel_history.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/kernel/data_dir.h"
#include "harness/kernel/work_tree.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace fs = std::filesystem;
namespace {

Deadline soon() { return Deadline::after(Millis(300'000)); }

/// The targets that a kernel's build asks for. The configuration is the one that the kernel was built with.
constexpr std::string_view kMakefile = R"mk(VERSION = 7
PATCHLEVEL = 3
SUBLEVEL = 0
EXTRAVERSION =
NAME = Stand-in

from := $(shell $(HOLDFAST) kernel list --json | python3 pick.py `cat kernel`)
allnoconfig:
	@mkdir -p $(O)
	@cp $(KCONFIG_ALLCONFIG) $(O)/.config
bzImage:
	@echo "  CC      init/main.o"
	@[ -n "$(from)" ] || { echo "init/main.c:1:1: error: no kernel is called `cat kernel`"; exit 1; }
	@mkdir -p $(O)/arch/x86/boot
	@cp $(from) $(O)/arch/x86/boot/bzImage
modules modules_install mrproper:
)mk";

constexpr std::string_view kPick =
    "import json, sys\n"
    "print(*[kernel['path'] for kernel in json.load(sys.stdin) if sys.argv[1] in kernel['names']])\n";

}  // namespace

Result<KernelHistory> make_kernel_history(const fs::path& dir, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {(source_dir() / "fixtures/history/make").string(), "--out", (dir / "linux.git").string()});
  const Output made = TRY(run({.argv = std::move(arguments)}, soon()));
  if (!made.status.success()) return lab_error("history", made.err);
  const auto told = nlohmann::json::parse(made.out, nullptr, /*allow_exceptions=*/false);
  if (!told.is_object()) return lab_error("history", made.out);
  return KernelHistory{.tree = dir / "linux.git",
                       .good = told.value("good", ""),
                       .bad = told.value("bad", ""),
                       .culprit = told.value("culprit", "")};
}

StandInTree::StandInTree(fs::path dir) : dir_(std::move(dir)) {
  fs::create_directories(dir_ / "init");
  std::string makefile(kMakefile);
  const std::string variable = "$(HOLDFAST)";
  makefile.replace(makefile.find(variable), variable.size(), tested_program());
  static_cast<void>(write_file(dir_ / "Makefile", makefile).ok());
  static_cast<void>(write_file(dir_ / "pick.py", kPick).ok());
  static_cast<void>(write_file(dir_ / "Kconfig", "config PCI\n\tbool \"PCI\"\n").ok());
  static_cast<void>(write_file(dir_ / "init/main.c", "int main(void)\n{\n\treturn 0;\n}\n").ok());
  static_cast<void>(run_git(dir_, {"init", "--quiet", "--initial-branch=main"}, soon()).ok());
}

std::string StandInTree::commit(const std::string& kernel) {
  static_cast<void>(write_file(dir_ / "kernel", kernel + "\n").ok());
  static_cast<void>(write_file(dir_ / "number", fmt::format("{}\n", ++commits_)).ok());
  static_cast<void>(run_git(dir_, {"add", "--all"}, soon()).ok());
  const std::string subject = fmt::format("commit {} has {}", commits_, kernel);
  static_cast<void>(run_git(dir_, {"commit", "--quiet", "--message", subject}, soon()).ok());
  const auto id = ask_git(dir_, {"rev-parse", "HEAD"}, soon());
  return id ? std::string(trim(*id)) : std::string();
}

void forget_kernel(const Program& program, const std::string& plan, const std::string& kernel) {
  // As harness/program/night/kernels.cc names it.
  const std::string name = fmt::format("night-{}-{}", sha256(plan + "\n" + kernel).substr(0, 8), kernel);
  for (const std::string& one : {name, name + "-before"}) program.run({"kernel", "rm", one});
  std::vector<fs::path> gone;
  std::error_code failed;
  for (fs::directory_iterator it(*cache_dir() / "packages", failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().filename().string().starts_with(name + "-")) gone.push_back(it->path());
  }
  for (const fs::path& one : gone) fs::remove_all(one, failed);
}

}  // namespace holdfast::e2e
