// How does a shell complete the words of a command line?
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "harness/base/text.h"
#include "harness/options/describe.h"

namespace holdfast {
namespace {

/// The verb and all below it, the outermost first.
void collect(const CLI::App& verb, std::vector<const CLI::App*>& all) {
  all.push_back(&verb);
  for (const CLI::App* inner : verbs_of(verb)) collect(*inner, all);
}

std::vector<const CLI::App*> all_verbs(const CLI::App& app) {
  std::vector<const CLI::App*> all;
  collect(app, all);
  return all;
}

/// What may be the next word after the verb: its verbs, its flags, and the choices of a positional.
std::vector<std::string> next_words(const CLI::App& verb) {
  std::vector<std::string> words;
  for (const CLI::App* inner : verbs_of(verb)) words.push_back(inner->get_name());
  for (const FlagWords& flag : flags_of(verb)) {
    const auto& more = flag.positional ? flag.choices : flag.names;
    words.insert(words.end(), more.begin(), more.end());
  }
  words.emplace_back("--help");
  words.emplace_back("--help-all");
  return words;
}

/// For zsh's _arguments: in single quotes, where a colon and brackets mean something.
std::string quoted_for_zsh(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted;
}

std::string zsh_value(const FlagWords& flag) {
  const std::string what = quoted_for_zsh(flag.value);
  if (!flag.choices.empty()) return fmt::format(":{}:({})", what, join(flag.choices, " "));
  return flag.takes_path() ? fmt::format(":{}:_files", what) : fmt::format(":{}: ", what);
}

std::string zsh_function(const CLI::App& verb) {
  std::string name = path_to(verb);
  std::ranges::replace(name, ' ', '_');
  std::string text = fmt::format("_{}() {{\n  _arguments -C \\\n    '(- *)'{{-h,--help}}'[what there is]' \\\n", name);
  text += "    '(- *)--help-all[the same with all flags]' \\\n";
  for (const FlagWords& flag : flags_of(verb)) {
    if (flag.positional) continue;
    for (const std::string& one : flag.names) {
      text += fmt::format("    '*{}{}[{}]{}' \\\n", one, flag.value.empty() || !one.starts_with("--") ? "" : "=",
                          quoted_for_zsh(flag.text), flag.value.empty() ? "" : zsh_value(flag));
    }
  }
  const auto inner = verbs_of(verb);
  if (inner.empty()) {
    for (const FlagWords& flag : flags_of(verb)) {
      if (flag.positional) text += fmt::format("    '*{}' \\\n", zsh_value(flag));
    }
    return text + "    && return 0\n}\n";
  }
  text += "    '1: :->verb' '*:: :->rest' && return 0\n  case $state in\n    verb)\n      local -a verbs=(\n";
  for (const CLI::App* one : inner) {
    text += fmt::format("        '{}:{}'\n", one->get_name(), quoted_for_zsh(one->get_description()));
  }
  text += "      )\n      _describe verb verbs ;;\n    rest)\n      case $words[1] in\n";
  for (const CLI::App* one : inner) text += fmt::format("        {0}) _{1}_{0} ;;\n", one->get_name(), name);
  return text + "      esac ;;\n  esac\n}\n";
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  std::string paths;
  std::string words;
  std::string values;
  for (const CLI::App* verb : all_verbs(app)) {
    const std::string path = path_to(*verb);
    paths += fmt::format("{}\"{}\"", paths.empty() ? "" : " | ", path);
    words += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, join(next_words(*verb), " "));
    for (const FlagWords& flag : flags_of(*verb)) {
      if (flag.positional || flag.value.empty()) continue;
      for (const std::string& name : flag.names) {
        values += fmt::format("    \"{} {}\") ", path, name);
        values += flag.choices.empty() ? (flag.takes_path() ? "files=1" : ":")
                                       : fmt::format("words=\"{}\"", join(flag.choices, " "));
        values += "; value=1 ;;\n";
      }
    }
  }
  return fmt::format(
      R"(# bash completion for holdfast. Generated from the option table: `holdfast completion bash`.
_holdfast() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} verb=holdfast words="" files="" value="" i
  # bash splits "--flag=value" at the equals sign.
  [[ $cur == "=" ]] && cur=""
  [[ $prev == "=" ]] && prev=${{COMP_WORDS[COMP_CWORD - 2]}}
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$verb ${{COMP_WORDS[i]}}" in
    {}) verb="$verb ${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$verb $prev" in
{}  esac
  if [[ ! $value ]]; then
    case "$verb" in
{}    esac
    [[ $cur == -* ]] || files=1
  fi
  mapfile -t COMPREPLY < <(compgen ${{files:+-f}} -W "$words" -- "$cur")
}}
complete -o filenames -F _holdfast holdfast
)",
      paths, values, words);
}

std::string zsh_completion(const CLI::App& app) {
  std::string text = "#compdef holdfast\n# Generated from the option table: `holdfast completion zsh`.\n";
  for (const CLI::App* verb : all_verbs(app)) text += "\n" + zsh_function(*verb);
  return text +
         "\nif [ \"$funcstack[1]\" = \"_holdfast\" ]; then\n  _holdfast \"$@\"\nelse\n  compdef _holdfast "
         "holdfast\nfi\n";
}

}  // namespace holdfast
