/** How much an output or value of the simulator is worth. `captured`: seen in public material; `documented`: from a manual or format description; `invented`: ours. */
export type ProvenanceKind = 'captured' | 'documented' | 'invented';
