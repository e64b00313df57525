#include "plan/dag.h"

#include <algorithm>
#include <iterator>
#include <map>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/connected_components.hpp>
#include <boost/graph/reverse_graph.hpp>
#include <boost/graph/strong_components.hpp>
#include <boost/graph/topological_sort.hpp>

namespace pellucid {
namespace {

// Sets of edges: two inputs of a node may come from the same producer.
using Graph = boost::adjacency_list<boost::setS, boost::vecS, boost::bidirectionalS>;
using Vertex = boost::graph_traits<Graph>::vertex_descriptor;

template <class AnyGraph>
std::vector<bool> reached(const AnyGraph& graph, const std::vector<std::size_t>& starts) {
  std::vector<boost::default_color_type> colors(num_vertices(graph), boost::white_color);
  const auto color =
      boost::make_iterator_property_map(colors.begin(), boost::get(boost::vertex_index, graph));
  for (const std::size_t start : starts)
    if (colors[start] == boost::white_color)
      boost::breadth_first_visit(graph, start, boost::color_map(color));
  std::vector<bool> marks(colors.size());
  std::transform(colors.begin(), colors.end(), marks.begin(),
                 [](boost::default_color_type c) { return c != boost::white_color; });
  return marks;
}

/// The shortest way from `start` back to itself inside one strong component.
std::vector<std::size_t> shortest_cycle(const Graph& graph, Vertex start,
                                        const std::vector<std::size_t>& component) {
  if (boost::edge(start, start, graph).second) return {start};
  std::map<Vertex, Vertex> came_from;
  std::vector<Vertex> front{start};
  while (!front.empty()) {
    std::vector<Vertex> next;
    for (const Vertex vertex : front) {
      for (const auto edge : boost::make_iterator_range(out_edges(vertex, graph))) {
        const Vertex reached = target(edge, graph);
        if (component[reached] != component[start]) continue;
        if (reached == start) {
          std::vector<std::size_t> cycle{vertex};
          while (cycle.back() != start) cycle.push_back(came_from.at(cycle.back()));
          std::reverse(cycle.begin(), cycle.end());
          return cycle;
        }
        if (came_from.emplace(reached, vertex).second) next.push_back(reached);
      }
    }
    front.swap(next);
  }
  return {};
}

}  // namespace

struct Dag::Impl {
  Graph graph;
};

Dag::Dag(std::size_t vertices) : impl_(std::make_unique<Impl>(Impl{Graph(vertices)})) {}
Dag::~Dag() = default;

void Dag::add_edge(std::size_t producer, std::size_t consumer) {
  boost::add_edge(producer, consumer, impl_->graph);
}

std::vector<std::vector<std::size_t>> Dag::cycles() const {
  const Graph& graph = impl_->graph;
  std::vector<std::size_t> component(num_vertices(graph));
  const std::size_t count = boost::strong_components(
      graph, boost::make_iterator_property_map(component.begin(), get(boost::vertex_index, graph)));

  std::vector<bool> seen(count, false);
  std::vector<std::vector<std::size_t>> cycles;
  for (Vertex vertex = 0; vertex < component.size(); ++vertex) {
    if (seen[component[vertex]]) continue;
    seen[component[vertex]] = true;
    std::vector<std::size_t> cycle = shortest_cycle(graph, vertex, component);
    if (!cycle.empty()) cycles.push_back(std::move(cycle));
  }
  return cycles;
}

std::vector<std::size_t> Dag::order() const {
  // Along reversed edges the sort visits a vertex's producers, then the vertex itself.
  const auto reversed = boost::make_reverse_graph(impl_->graph);
  std::vector<std::size_t> order;
  order.reserve(num_vertices(impl_->graph));
  boost::topological_sort(reversed, std::back_inserter(order));
  return order;
}

std::vector<bool> Dag::downstream_of(const std::vector<std::size_t>& vertices) const {
  return reached(impl_->graph, vertices);
}

std::vector<bool> Dag::upstream_of(const std::vector<std::size_t>& vertices) const {
  return reached(boost::make_reverse_graph(impl_->graph), vertices);
}

std::vector<std::size_t> Dag::parts() const {
  using Undirected = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS>;
  Undirected graph(num_vertices(impl_->graph));
  for (const auto edge : boost::make_iterator_range(edges(impl_->graph)))
    boost::add_edge(source(edge, impl_->graph), target(edge, impl_->graph), graph);
  std::vector<std::size_t> parts(num_vertices(graph));
  boost::connected_components(
      graph, boost::make_iterator_property_map(parts.begin(), get(boost::vertex_index, graph)));
  return parts;
}

}  // namespace pellucid
