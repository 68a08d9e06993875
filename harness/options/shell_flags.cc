// Which verbs are there for shells and for man?
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "harness/options/describe.h"
#include "harness/options/flags.h"

namespace holdfast {

void add_shell_verbs(CLI::App& app, const std::string& version, Chosen& chosen) {
  const auto shell = std::make_shared<std::string>();
  CLI::App& completion = *app.add_subcommand("completion", "print what makes a shell complete these words");
  completion.add_option("shell", *shell, "the shell")->required()->check(CLI::IsMember({"bash", "zsh"}));
  completion.footer(
      "Examples:\n"
      "  source <(holdfast completion bash)\n"
      "  holdfast completion zsh > ~/.zfunc/_holdfast   in a folder of $fpath");
  completion.callback(
      [shell, &app, &chosen] { chosen = JustPrint{*shell == "bash" ? bash_completion(app) : zsh_completion(app)}; });

  CLI::App& manual = *app.add_subcommand("manual", "print the manual page");
  manual.footer(
      "Examples:\n"
      "  holdfast manual | man -l -");
  manual.callback([version, &app, &chosen] { chosen = JustPrint{manual_page(app, version)}; });
}

}  // namespace holdfast
