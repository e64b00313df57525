// Report: problems in the order of the file, each with its line quoted.
#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "pipeline/document.h"
#include "pipeline/source.h"

namespace pellucid {
namespace {

/// Longer lines are quoted around the caret.
constexpr std::size_t kWidestQuote = 100;
/// Of so many problems most have one cause.
constexpr std::size_t kMostShown = 100;

using Characters = std::vector<std::string>;

/// A line as characters, each to be shown in one column.
Characters characters_of(std::string_view line) {
  Characters characters;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t length = character_length(line, at);
    const auto code = static_cast<unsigned char>(line[at]);
    if (length == 0) {
      characters.emplace_back("\uFFFD");
    } else if (code < 0x20 || code == 0x7F) {
      characters.emplace_back(" ");
    } else {
      characters.emplace_back(line.substr(at, length));
    }
    at += std::max<std::size_t>(length, 1);
  }
  return characters;
}

std::string text_of(const Characters& characters, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) text += characters[i];
  return text;
}

/// The line that a place lies in, and a caret below the place; indented by two. Nothing for a blank
/// line.
std::string quote(const Source& source, const SourceLocation& where) {
  const std::string_view text = source.line(where.line - 1);
  const Characters line = characters_of(text);
  if (std::all_of(line.begin(), line.end(), [](const auto& c) { return c == " "; })) return {};
  const auto caret = std::min(static_cast<std::size_t>(where.column - 1), line.size());

  std::size_t begin = 0;
  while (begin < caret && line[begin] == " ") ++begin;
  std::size_t end = line.size();
  std::string before;
  std::string after;
  if (end - begin > kWidestQuote) {
    if (caret > begin + kWidestQuote / 2) {
      begin = caret - kWidestQuote / 2;
      before = "…";
    }
    if (begin + kWidestQuote < end) {
      end = begin + kWidestQuote;
      after = "…";
    }
  }
  const std::size_t indent = 2 + (before.empty() ? 0 : 1) + caret - begin;
  return "  " + before + text_of(line, begin, end) + after + "\n" + std::string(indent, ' ') +
         "^\n";
}

std::string sentence_of(const Problem& problem) {
  std::string text;
  if (problem.where.file || problem.where.line > 0) text += problem.where.text() + ": ";
  if (!problem.node.empty()) {
    text += "node '" + problem.node + "'";
    if (!problem.component.empty()) text += " (" + problem.component + ")";
    text += ": ";
  }
  return text + problem.sentence;
}

}  // namespace

std::vector<Problem> in_file_order(const std::vector<Problem>& problems,
                                   const std::vector<SourceText>& sources) {
  std::set<std::string> unreadable;
  std::set<std::string> seen;
  std::vector<Problem> kept;
  for (const Problem& problem : problems) {
    const std::string place = problem.where.text();
    if (unreadable.count(place) && problem.where.line > 0) continue;
    if (!seen.insert(sentence_of(problem)).second) continue;
    if (problem.unreadable) unreadable.insert(place);
    kept.push_back(problem);
  }

  std::map<std::string, std::size_t> order;
  for (const SourceText& source : sources) order.emplace(source.name, order.size());
  const auto rank = [&](const Problem& problem) {
    if (!problem.where.file) return sources.size();
    const auto known = order.find(*problem.where.file);
    return known == order.end() ? sources.size() : known->second;
  };
  std::stable_sort(kept.begin(), kept.end(), [&](const Problem& a, const Problem& b) {
    return std::make_tuple(rank(a), a.where.line, a.where.column) <
           std::make_tuple(rank(b), b.where.line, b.where.column);
  });
  return kept;
}

std::string report_of(const std::vector<Problem>& problems,
                      const std::vector<SourceText>& sources) {
  std::map<std::string, Source> quotable;
  for (const SourceText& source : sources)
    quotable.emplace(source.name, Source(source.name, source.text, ""));

  const std::vector<Problem> ordered = in_file_order(problems, sources);
  const std::size_t shown = std::min(ordered.size(), kMostShown);
  std::string report;
  for (std::size_t i = 0; i < shown; ++i) {
    const SourceLocation& where = ordered[i].where;
    report += sentence_of(ordered[i]) + "\n";
    const auto source = where.file ? quotable.find(*where.file) : quotable.end();
    if (source != quotable.end() && where.line > 0) report += quote(source->second, where);
  }
  if (shown < ordered.size())
    report += "... and " + std::to_string(ordered.size() - shown) + " more\n";
  const std::string count = std::to_string(ordered.size());
  return report + count + (ordered.size() == 1 ? " error" : " errors") + "; nothing was run\n";
}

}  // namespace pellucid
