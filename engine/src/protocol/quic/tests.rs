use super::*;
#[test]
fn t50(){
    let f="/work/shared/datasets/parser/pcap/quic_t50.pcap";
    let b=std::fs::read(f).unwrap();
    let d=&b[24+16+14+20+8..24+16+14+20+8+1350];
    println!("{:02x?}", &d[..20]);
    let mut r=Reader::over(d);
    let i=packet::next_initial(&mut r).unwrap();
    let k=InitialKeys::derive(keys::version_parameters(i.version).unwrap(), i.destination_id).unwrap();
    let p=k.client.open(&i);
    println!("{:02x?}", p.map(|p|p[..200.min(p.len())].to_vec()));
}
