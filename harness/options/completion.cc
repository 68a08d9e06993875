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

/// bash: the names that the program itself lists.
std::string asked_of_program(std::string_view what) { return fmt::format("$(_holdfast_names {})", what); }

/// What may be the next word after the verb: its verbs, its flags, and the choices of a positional.
std::vector<std::string> next_words(const CLI::App& verb) {
  std::vector<std::string> words;
  for (const CLI::App* inner : verbs_of(verb)) words.push_back(inner->get_name());
  for (const FlagWords& flag : flags_of(verb)) {
    const auto& more = flag.positional ? flag.choices : flag.names;
    words.insert(words.end(), more.begin(), more.end());
    if (flag.positional && !flag.listed().empty()) words.push_back(asked_of_program(flag.listed()));
  }
  words.emplace_back("--help");
  words.emplace_back("--help-all");
  return words;
}

bool takes_a_path(const CLI::App& verb) {
  return std::ranges::any_of(flags_of(verb), [](const FlagWords& one) { return one.positional && one.takes_path(); });
}

/// What bash does to complete the value of a flag.
std::string bash_value(const FlagWords& flag) {
  std::string text;
  if (!flag.choices.empty()) text += fmt::format("words=\"{}\"; ", join(flag.choices, " "));
  if (!flag.listed().empty()) text += fmt::format("words=\"{}\"; ", asked_of_program(flag.listed()));
  if (flag.takes_path()) text += "files=1; ";
  return text + "value=1";
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
  if (!flag.listed().empty()) {
    const char* files = flag.takes_path() ? "_or_files" : "";
    return fmt::format(":{}:_holdfast_names{} {}", what, files, flag.listed());
  }
  return flag.takes_path() ? fmt::format(":{}:_files", what) : fmt::format(":{}: ", what);
}

std::string zsh_function(const CLI::App& verb) {
  std::string name = path_to(verb);
  std::ranges::replace(name, ' ', '_');
  name.insert(std::string_view("holdfast").size(), "_verb");
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
    words += fmt::format("    \"{}\") words=\"{}\"{} ;;\n", path, join(next_words(*verb), " "),
                         takes_a_path(*verb) ? "; files=1" : "");
    for (const FlagWords& flag : flags_of(*verb)) {
      if (flag.positional || flag.value.empty()) continue;
      for (const std::string& name : flag.names) {
        values += fmt::format("    \"{} {}\") {} ;;\n", path, name, bash_value(flag));
      }
    }
  }
  return fmt::format(
      R"(# bash completion for holdfast. Generated from the option table: `holdfast completion bash`.
# The names of cases, targets, devices or kernels, as the program knows them, in the lab that the line names.
_holdfast_names() {{
  local i lab=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${{COMP_WORDS[i]}} != --lab ]] || lab=(--lab "${{COMP_WORDS[i + 1]/#=/${{COMP_WORDS[i + 2]}}}}")
  done
  "${{COMP_WORDS[0]/#\~/$HOME}}" list "$1" --names "${{lab[@]}}" 2>/dev/null
}}
_holdfast() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} at=$((COMP_CWORD - 1)) verb=holdfast words="" files="" value="" i prev
  # bash splits "--flag=value" at the equals sign, and "one:two" at the colon.
  [[ $cur != [=:] ]] || cur="" at=$COMP_CWORD
  while ((at > 1)) && [[ ${{COMP_WORDS[at]}} == ":" ]]; do at=$((at - 2)); done
  prev=${{COMP_WORDS[at]}}
  [[ $prev != "=" ]] || prev=${{COMP_WORDS[at - 1]}}
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
    [[ $cur != -* ]] || files=""
  fi
  mapfile -t COMPREPLY < <(compgen ${{files:+-f}} -W "$words" -- "$cur")
}}
complete -o filenames -F _holdfast holdfast
)",
      paths, values, words);
}

std::string zsh_completion(const CLI::App& app) {
  std::string text = "#compdef holdfast\n# Generated from the option table: `holdfast completion zsh`.\n";
  text += R"zsh(
# The names of cases, targets, devices or kernels, as the program knows them, in the lab that the line names. The last
# word says which; those before it are for compadd.
_holdfast_names() {
  local what=$argv[-1]
  local -a names
  names=(${(f)"$($_holdfast_program list $what --names $_holdfast_lab 2>/dev/null)"})
  compadd "${(@)argv[1,-2]}" -a names
}
_holdfast_names_or_files() {
  local found=1
  _holdfast_names "$@" && found=0
  _files && found=0
  return found
}
)zsh";
  for (const CLI::App* verb : all_verbs(app)) text += "\n" + zsh_function(*verb);
  return text + R"zsh(
# Remembers what was typed, which _arguments takes apart.
_holdfast() {
  local _holdfast_program=${words[1]/#\~/$HOME} at=${words[(I)--lab]}
  local -a _holdfast_lab
  ((at)) && _holdfast_lab=(--lab $words[at+1])
  [[ -z ${words[(r)--lab=*]} ]] || _holdfast_lab=(${words[(r)--lab=*]})
  _holdfast_verb "$@"
}
if [ "$funcstack[1]" = "_holdfast" ]; then
  _holdfast "$@"
else
  compdef _holdfast holdfast
fi
)zsh";
}

}  // namespace holdfast
