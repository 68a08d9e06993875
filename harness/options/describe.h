// What is there to say of a verb's flags, in a form that help, completion and the manual share? Private to this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace holdfast {

/// A flag or a positional word, as the option table has it.
struct FlagWords {
  std::vector<std::string> names;    ///< "-q", "--quiet"; of a positional its one name
  std::string value;                 ///< "DIR"; empty for a switch
  std::vector<std::string> choices;  ///< all values that there are; empty: any
  std::string text;
  std::string environment;  ///< the variable that stands in for it, or empty
  std::string usual;        ///< the default, where the table knows one
  bool positional = false;
  bool further = false;  ///< in the group kFurther: not shown where room is short

  /// "-q, --quiet", "--out DIR".
  std::string shown() const;
  bool takes_path() const;
  /// Of what `holdfast list` knows the names of it may be: "cases", "targets", "devices", "kernels"; else empty.
  std::string_view listed() const;
};

/// The group of flags that few need: --help gives their names, --help-all and the manual explain them.
inline constexpr const char* kFurther = "Further";

/// Flags of the verb in the order of the table, --help and --help-all left out.
std::vector<FlagWords> flags_of(const CLI::App& verb);

/// Its verbs that are for people.
std::vector<const CLI::App*> verbs_of(const CLI::App& app);

/// "holdfast kernel build": what a user types to get to the verb.
std::string path_to(const CLI::App& verb);

/// "holdfast report compare [FLAGS] RUN RUN".
std::string usage_of(const CLI::App& verb);

/// What --help prints, at most 80 columns wide; with `whole` what --help-all does.
std::string help_of(const CLI::App& verb, bool whole);

/// A completion script, and a page for man.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string manual_page(const CLI::App& app, const std::string& version);

}  // namespace holdfast
